"""The live page over the real InfluxDB: what it tells is what it tells over our own store, and a person sees it."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
import requests

from atipico.engines.kapacitor.tick import script
from atipico.page.service import create_app
from atipico.page.settings import PageSettings
from atipico.registry.jobs import load_job
from parts import Agent, Page
from running_page import S, follow, label, outcome, pair, sample, serving
from servers import Influx, Kapacitor
from waiting import until

pytestmark = pytest.mark.timeout(300)

CHROMIUM = Path(os.environ.get("ATIPICO_CHROMIUM", "/usr/bin/chromium"))
SEEN_MS = 20_000
JOB = 'stream = "pump"\ndetector = { gaussian = "heat", by = "pump", over = 8, threshold = 0.99 }\n'


def recorded(start: int) -> str:
    """Two jobs, anomalies, one that was missed, one that could not be scored, labels, and two parts."""
    lines = []
    for at in range(300):
        time = start + at * S
        lines += [sample(time, 20.0 + at % 7, id=at), outcome(time, 0.9 if at % 50 == 3 else 0.1, why="heat=23")]
    lines += [sample(start + 300 * S, 5.0, id=300), outcome(start + 300 * S, 0.0, why='no "heat"', scored=False)]
    lines += [sample(start + S, 1.0, stream="fans"), outcome(start + S, 0.2, job="fans", stream="fans")]
    lines += [label(start + 310 * S + at, at, int(at in (3, 10))) for at in range(20)]
    for at in range(0, 300, 2):
        told = f"pid={at // 100}i,started={start + at // 100}i,samples_in={at}i,samples_out={at}i,lost=0i"
        lines += [f"parts,part={part} {told} {start + at * S}" for part in ("agent", "host")]
    return "\n".join(lines)


def told(url: str, start: int) -> list:
    """All that the page says of ranges that lie behind us: names, single samples, buckets, marks, restarts."""
    whole = {"from": start, "to": start + 400 * S}
    asked = [
        ("/api/names", {}),
        ("/api/view", {"job": "pumps", "field": "heat", "from": start, "to": start + 60 * S}),
        ("/api/view", {"job": "pumps", "field": "heat", "points": 40, **whole}),
        ("/api/view", {"job": "pumps", "field": "heat", "from": start + 350 * S, "to": start + 360 * S}),
        ("/api/view", {"job": "fans", "field": "heat", **whole}),
        ("/api/parts", whole),
    ]
    answers = []
    for path, params in asked:
        answer = requests.get(url + path, params, timeout=20)
        assert answer.status_code == 200, answer.text
        left_out = {"now", "place", "store", "database"} | ({"parts", "jobs"} if path == "/api/parts" else set())
        answers.append({name: value for name, value in answer.json().items() if name not in left_out})
    return answers


def test_the_page_tells_of_the_real_influxdb_what_it_tells_of_our_store(influx, tmp_path):
    start = (time.time_ns() // (60 * S) - 60) * 60 * S
    lines = recorded(start)
    influx.query("CREATE DATABASE page")
    influx.write(lines.encode(), db="page")

    answers = {}
    with serving(create_app(PageSettings(store_url=influx.url, database="page", points=100))) as url:
        answers["real"] = told(url, start)
    with pair(tmp_path, points=100) as ours:
        ours.write(lines)
        answers["ours"] = told(ours.page, start)

    assert answers["real"] == answers["ours"]
    _, single, buckets, nothing, fans, parts = answers["real"]
    assert (single["step"], len(single["values"]["t"]), single["flagged"]) == ("0", 60, 2)
    assert {mark["label"] for mark in single["marks"]} == {1, None}
    assert (buckets["step"] != "0", buckets["flagged"], buckets["unscored"]) == (True, 6, 1)
    assert (nothing["values"]["t"], fans["values"]["v"]) == ([], [1.0])
    assert parts["restarts"] == {"agent": 2, "host": 2}


def test_before_the_database_is_there_the_page_has_nothing_to_show_and_no_error(influx):
    with serving(create_app(PageSettings(store_url=influx.url, database="nobody_made_this"))) as url:
        names = requests.get(f"{url}/api/names", timeout=20)
        parts = requests.get(f"{url}/api/parts", {"last": 60}, timeout=20)

    assert (names.json()["jobs"], names.json()["measurements"]) == ([], [])
    assert (parts.status_code, parts.json()["parts"]) == (200, [])


class Watched:
    """A job on the real servers, what it told so far, and the page."""

    def __init__(self, new, folder: Path) -> None:
        run, socket = folder / "run", folder / "a.sock"
        (run / "jobs").mkdir(parents=True)
        job = run / "jobs" / "pumps.toml"
        job.write_text(JOB)
        self.influx = new(Influx).start()
        where = {"ATIPICO_STORE_PORT": self.influx.port}
        self.agent, self.page = Agent(run, socket, 1, **where), Page(run, ATIPICO_PAGE_EVERY="200ms", **where)
        self.agent.start()
        kapacitor = new(Kapacitor, self.influx, {"atipico": socket}).start()
        until(lambda: self.influx.query("SHOW SUBSCRIPTIONS"))
        kapacitor.task("pumps", script(load_job(job), "atipico", "autogen", by_shard=True, flush_s=0.05))
        until(lambda: kapacitor.look("pumps")["executing"])
        self.page.start()

    def write(self, heats: list[float]) -> list[int]:
        """Samples of the last seconds up to now, and their times."""
        now = time.time_ns()
        times = [now - (len(heats) - 1 - at) * S for at in range(len(heats))]
        pairs = zip(heats, times, strict=True)
        self.influx.write("\n".join(f"pump,shard=0 heat={heat},pump=1i {time}" for heat, time in pairs).encode())
        return times

    def scored(self) -> int:
        series = self.influx.query("SELECT count(score) FROM scores")
        return series[0]["values"][0][1] if series else 0

    def close(self) -> None:
        self.page.stop()
        self.agent.stop()


@pytest.fixture
def watched(new, tmp_path_factory):
    """Forty usual samples, scored."""
    watched = Watched(new, tmp_path_factory.mktemp("p"))
    watched.write([20.0 + at % 3 for at in range(40)])
    until(lambda: watched.scored() == 40)
    yield watched
    watched.close()


def test_what_the_chain_tells_arrives_on_the_page_while_it_is_looked_at(watched):
    url = watched.page.url
    names = until(lambda: requests.get(f"{url}/api/names", timeout=20).json()["jobs"])
    view = requests.get(f"{url}/api/view", {"job": "pumps", "field": "heat", "last": 300}, timeout=20).json()
    events = follow(url, view["place"], job="pumps")

    (at,) = watched.write([99.0])

    marks = until(lambda: events.next("news")[1]["marks"])
    events.close()
    assert names == [{"job": "pumps", "stream": "pump", "fields": ["heat", "pump"], "id": ""}]
    assert len(view["values"]["t"]) == len(view["scores"]["t"]) == 40
    assert [(mark["time"], mark["anomalous"], mark["fields"]["heat"]) for mark in marks] == [(str(at), True, 99.0)]
    parts = until(lambda: requests.get(f"{url}/api/parts", {"last": 60}, timeout=20).json()["parts"])
    assert ("agent", "up") in [(part["part"], part["state"]) for part in parts]


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no chromium at {CHROMIUM}; ATIPICO_CHROMIUM=/path/to/it names one")
def test_a_person_sees_samples_and_anomalies_of_the_real_influxdb_drawn(watched):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (dependency group dev)")
    broken: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(f"{watched.page.url}/?job=pumps&field=heat&last=60")
        page.wait_for_selector("#values canvas", timeout=SEEN_MS)
        usual = page.locator("#values canvas").screenshot()

        watched.write([99.0])

        row = page.locator("#marks tbody tr").first
        sync_api.expect(row).to_contain_text("99", timeout=SEEN_MS)
        took = page.locator("#tiles .tile", has_text="Sample to score")
        sync_api.expect(took).to_contain_text(re.compile(r"\d m?s.*p99 "), timeout=SEEN_MS)
        sync_api.expect(page.locator("#state-word")).to_have_text(re.compile("Live|Standing still"), timeout=SEEN_MS)
        assert page.locator("#values canvas").screenshot() != usual
        browser.close()
    assert not broken
