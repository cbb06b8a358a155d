"""Notebook 06 on the real InfluxDB and Kapacitor: it deploys a job there, and shows what they told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from atipico.cli.apply import apply
from atipico.config import home
from atipico.lab.export import execute
from executed import complaints, pictures_of, shown
from parts import Agent
from real_chain import Classifier, Generator
from servers import Influx, Kapacitor
from waiting import until

STREAMS = '[streams.payments]\nsource = "payments"\nrate = 20\n[streams.machine]\nsource = "machine"\nrate = 5\n'


class Lab:
    """The servers, our parts beside them, and the environment of who works there."""

    def __init__(self, new: Callable, folder: Path) -> None:
        run, socket = folder / "run", folder / "a.sock"
        for name in ("jobs", "generator"):
            (run / name).mkdir(parents=True)
        (run / "generator.toml").write_text(STREAMS)
        self.run = run
        self.influx = new(Influx).start()
        self.classifier = Classifier(run, home() / "models")
        self.agent = Agent(run, socket, self.classifier.port, ATIPICO_AGENT_METRICS_PORT=0)
        self.generator = Generator(run, ATIPICO_STORE_URL=self.influx.url, ATIPICO_GENERATOR_METRICS_PORT=0)
        self.parts = [self.classifier, self.agent, self.generator]
        self.classifier.start()
        self.agent.start()
        self.kapacitor = new(Kapacitor, self.influx, {"atipico": socket}).start()
        self.env = {
            "ATIPICO_RUN": str(run),
            "ATIPICO_ENGINE": "kapacitor",
            "ATIPICO_STORE_URL": self.influx.url,
            "ATIPICO_KAPACITOR_KAPACITOR_URL": self.kapacitor.url,
            "ATIPICO_CLIENT_CLASSIFIER_URL": f"http://127.0.0.1:{self.classifier.port}",
        }
        until(lambda: self.influx.query("SHOW SUBSCRIPTIONS"))

    def tasks(self) -> list[str]:
        told = requests.get(f"{self.kapacitor.url}/kapacitor/v1/tasks", timeout=10).json()["tasks"]
        return sorted(task["id"] for task in told)

    def rows(self, measurement: str, fields: str, job: str) -> list[list]:
        (series,) = self.influx.query(f"SELECT {fields} FROM {measurement} WHERE atipico_job = '{job}'") or [{}]
        return series.get("values", [])


@pytest.fixture
def lab(new, tmp_path_factory, monkeypatch):
    """Payments and this machine come in and are scored."""
    lab = Lab(new, tmp_path_factory.mktemp("n"))
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    apply(home() / "jobs")
    lab.generator.start()
    until(lambda: all(lab.rows("scores", "score", job) for job in ("payments", "machine")))
    yield lab
    for part in reversed(lab.parts):
        part.stop()


@pytest.mark.timeout(300)  # its kernel imports half the ecosystem, on a machine that may be busy
def test_the_notebook_deploys_a_job_there_shows_its_outcomes_and_its_alert_and_takes_it_off_again(lab):
    before = lab.tasks()

    live = execute(home() / "notebooks" / "06-live.py")

    table = re.findall(
        r"([\d.]+) +(True|False)$", shown(live, 'draw(days, amounts, outcomes, "A card on'), re.MULTILINE
    )
    outcomes = lab.rows("scores", "score, anomalous", "course")
    assert [(f"{score:.6f}", str(anomalous)) for _, score, anomalous in outcomes[38:46]] == table
    assert [anomalous for _, anomalous in table] == ["False"] * 2 + ["True"] * 3 + ["False"] * 3
    told = re.findall(r"(\d\d:[\d:.]+)\+00:00 +(True|False) +(\d)$", shown(live, "print(alerts)"), re.MULTILINE)
    alerts = lab.rows("alerts", "firing, hits", "course")
    assert [(str(firing), str(hits)) for _, firing, hits in alerts] == [one[1:] for one in told]
    assert [(at, firing) for at, firing, _ in alerts] == [(outcomes[41][0], True), (outcomes[47][0], False)]
    assert "+ task atipico-course" in shown(live, "Engine().plan(real):\n        print")
    assert (lab.tasks(), (lab.run / "jobs" / "course.toml").exists()) == (before, False)
    assert re.search(r"^3 s late .* late \d", shown(live, "later = "), re.MULTILINE)
    assert (pictures_of(live), complaints(live)) == (5, [])
