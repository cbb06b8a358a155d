"""A writer faster than the chain: told so at the bound, and every sample that was taken has its outcome."""

from __future__ import annotations

import threading
import time

import orjson
import pytest
import requests

from page_chain import Chain
from scripted import ScriptedClassifier
from waiting import until

JOB = """
model = "test"
stream = "payments"
[features]
amount = "amount"
"""
ROWS_PER_S, WRITTEN_PER_S, SECONDS, BODY = 400, 1200, 8.0, 40
MOST_SECONDS = 50.0  # where the machine lets nobody write so many
S = 10**9


@pytest.fixture
def slow(monkeypatch):
    """A chain whose classifier takes 400 rows a second, before a store that lets 300 kB of log wait."""
    busy = threading.Event()  # never set: a clock that can't be hurried

    def script(rows):
        busy.wait(len(rows) / ROWS_PER_S)
        return rows[:, 0] * 0.0

    classifier = ScriptedClassifier(("amount",), script)
    monkeypatch.setenv("ATIPICO_STORE_UNREAD", "300000B")
    monkeypatch.setenv("ATIPICO_HOST_CHECKPOINT_EVERY", "300ms")
    monkeypatch.setenv("ATIPICO_HOST_UNANSWERED", "400")
    chain = Chain()
    chain._env["ATIPICO_CLASSIFIER_PORT"] = classifier.url.rpartition(":")[2]
    (chain.run / "jobs" / "payments.toml").write_text(JOB)
    try:
        chain.start("store", "agent", "host", "page")
        yield chain
    finally:
        chain.close()
        classifier.close()


def bodies(first: int, count: int) -> bytes:
    now = time.time_ns()
    lines = [
        f"payments,shard=0 amount=1.5,transaction_id={id}i {now + id - first}" for id in range(first, first + count)
    ]
    return "\n".join(lines).encode()


def times(chain: Chain, q: str) -> list[int]:
    params = {"db": "atipico", "epoch": "ns", "q": q}
    series = requests.get(f"http://127.0.0.1:{chain.ports['store']}/query", params, timeout=20).json()["results"][0]
    return [row[0] for one in series.get("series", []) for row in one["values"]]


def counted(chain: Chain, part: str, name: str) -> float:
    values = orjson.loads((chain.run / "parts" / f"{part}.json").read_bytes())["values"]
    return sum(value for key, value in values.items() if key.startswith(name))


def waiting(chain: Chain) -> list[dict]:
    """What the page says of each job; nothing while the store is too busy to tell it."""
    return requests.get(f"{chain.page}api/parts?last=60", timeout=20).json().get("jobs", [])


@pytest.mark.timeout(300)
def test_a_writer_faster_than_the_chain_is_told_to_come_again_and_what_was_taken_is_scored(slow):
    url, session = f"http://127.0.0.1:{slow.ports['store']}/write?db=atipico", requests.Session()
    assert session.post(url, bodies(0, BODY), timeout=20).status_code == 204
    until(lambda: waiting(slow))  # the page knows of a job once it has scored something
    taken, refused, most, id = BODY, 0, {"samples": 0, "behind_s": 0.0}, BODY
    began = time.monotonic()
    while (now := time.monotonic()) < began + (SECONDS if refused else MOST_SECONDS):
        if id > (now - began) * WRITTEN_PER_S:
            time.sleep(0.005)
            continue
        answer = session.post(url, bodies(id, BODY), timeout=20)
        id += BODY
        if answer.status_code == 204:
            taken += BODY
        else:
            refused += BODY
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
            assert "host.payments is more than 300000 bytes" in answer.json()["error"]
        if id % 2000 == 0 and (shown := waiting(slow)):
            most = max(most, shown[0], key=lambda one: one["samples"])

    assert refused > 0, "the writer was not faster than the chain"
    assert taken > ROWS_PER_S * SECONDS / 4
    assert most["samples"] > ROWS_PER_S, "nobody could see that the chain was behind"
    assert most["behind_s"] > 1
    until(lambda: len(times(slow, 'SELECT "score" FROM "scores"')) >= taken, within_s=90)
    samples = times(slow, 'SELECT "amount" FROM "payments"')
    assert len(samples) == taken
    assert times(slow, 'SELECT "score" FROM "scores"') == samples
    until(lambda: waiting(slow) == [{"job": "payments", "behind_s": 0.0, "samples": 0, "more": False}])
    until(lambda: counted(slow, "store", 'atipico_refused_total{reason="its readers are behind"}') == refused)
    assert counted(slow, "host", "atipico_lost_total") == counted(slow, "store", "atipico_lost_total") == 0
    until(lambda: session.post(url, bodies(id, BODY), timeout=20).status_code == 204)  # once the host has read on
