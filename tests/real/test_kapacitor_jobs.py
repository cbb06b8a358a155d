"""`atipico plan`, `apply` and `delete` on the real InfluxDB and Kapacitor."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import requests

from atipico.agent.server import listen, serve
from atipico.agent.works import Works
from atipico.ports import ModelInfo, Scored, Scorer
from servers import Influx, Kapacitor
from waiting import until

START = 1_700_000_000 * 10**9
JOB = (
    'engine = "kapacitor"\nstream = "pump"\ndetector = { gaussian = "heat", by = "pump", over = 8, threshold = 0.99 }\n'
)
WITH_LABELS = """
engine = "kapacitor"
model = "frauds"
stream = "sales"
[labels]
stream = "labels"
id = "id"
delay = "0s"
[features]
amount = "amount"
frauds = { sum = "label", by = "card", over = 5000 }
"""


class Frauds:
    """Scores a sample with the frauds that are known by now."""

    def info(self) -> ModelInfo:
        return ModelInfo("frauds@1", ("amount", "frauds"), 1e9, {})

    def score(self, rows: np.ndarray) -> Scored:
        return Scored(rows[:, 1], 1e9, "frauds@1", {})


class Real:
    """An InfluxDB, a Kapacitor that knows our agent, and a run folder."""

    def __init__(self, new: Callable, folder: Path, scorer: Callable[[], Scorer] = Frauds) -> None:
        self.run, self.job = folder / "run", folder / "pumps.toml"
        (self.run / "jobs").mkdir(parents=True)
        self.job.write_text(JOB)
        socket = folder / "a.sock"
        self.listener = listen(socket)
        works = Works(self.run / "jobs", self.run / "agent", lambda *_: scorer())
        threading.Thread(target=serve, args=(self.listener, works.open), daemon=True).start()
        self.influx = new(Influx).start()
        self.kapacitor = new(Kapacitor, self.influx, {"atipico": socket}).start()
        until(lambda: self.influx.query("SHOW SUBSCRIPTIONS"))
        self.env = {
            "ATIPICO_RUN": str(self.run),
            "ATIPICO_KAPACITOR_INFLUX_URL": self.influx.url,
            "ATIPICO_KAPACITOR_KAPACITOR_URL": self.kapacitor.url,
            "PYTHONPATH": ":".join(sys.path),
        }

    def atipico(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atipico.cli", *map(str, words)]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60, check=False)

    def says(self, *words: object) -> str:
        done = self.atipico(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def write(self, values: list[float], first: int) -> None:
        lines = [f"pump,shard=0,source=ours heat={heat},pump=1i {START + at}" for at, heat in enumerate(values, first)]
        self.influx.write("\n".join(lines).encode())

    def tasks(self) -> list[str]:
        told = requests.get(f"{self.kapacitor.url}/kapacitor/v1/tasks", timeout=10).json()["tasks"]
        return [task["id"] for task in told]

    def labels_handed_over(self) -> int:
        """How many labels Kapacitor gave to the agent."""
        nodes = self.kapacitor.look("atipico-pumps")["stats"]["node-stats"]
        return max(
            int(of["collected"]) for name, of in nodes.items() if name.startswith("atipico") and not of["emitted"]
        )

    def scored(self) -> dict[int, list]:
        (series,) = self.influx.query('SELECT * FROM "scores"') or [{"columns": [], "values": []}]
        return {row[0]: dict(zip(series["columns"], row, strict=True)) for row in series["values"]}


@pytest.fixture
def real(new, tmp_path_factory):
    real = Real(new, tmp_path_factory.mktemp("r"))
    yield real
    real.listener.close()


def test_a_job_is_planned_applied_and_then_nothing_is_left_to_do(real):
    planned = real.says("plan", "-f", real.job)
    assert "+ task atipico-pumps" in planned
    assert ".groupBy('shard')" in planned
    assert real.tasks() == []

    real.says("apply", "-f", real.job)
    real.write([20.0], 0)

    assert real.says("plan", "-f", real.job) == "all is as the job file says\n"


def test_an_applied_job_scores_each_point_under_its_own_time_and_tags(real):
    real.says("apply", "-f", real.job)

    real.write([20.0 + at % 2 for at in range(50)] + [99.0], 0)
    until(lambda: len(real.scored()) == 51)
    told = real.scored()

    assert sorted(told) == [START + at for at in range(51)]
    last = told[START + 50]
    assert (last["anomalous"], last["scored"], last["atipico_job"], last["source"]) == (True, True, "pumps", "pump")
    assert last["sample_source"] == "ours"
    assert "heat=99" in last["why"]


def test_a_task_that_was_changed_by_hand_is_told_and_not_overwritten_unasked(real):
    real.says("apply", "-f", real.job)
    script = real.kapacitor.look("atipico-pumps")["script"]
    real.kapacitor.patch("atipico-pumps", script=script.replace("20ms", "9s"))

    planned, refused = real.says("plan", "-f", real.job), real.atipico("apply", "-f", real.job)

    assert "changed by hand" in planned
    assert "-        .flushInterval(9s)" in planned
    assert (refused.returncode, "--overwrite" in refused.stderr) == (1, True)
    real.says("apply", "-f", real.job, "--overwrite")
    assert "9s" not in real.kapacitor.look("atipico-pumps")["script"]


def test_a_job_whose_file_changed_is_applied_again(real):
    real.says("apply", "-f", real.job)
    real.job.write_text('scores = "others"\n' + JOB)

    planned = real.says("plan", "-f", real.job)
    real.says("apply", "-f", real.job)

    assert "not what the job file says" in planned
    assert "'others'" in real.kapacitor.look("atipico-pumps")["script"]


def test_a_task_that_was_stopped_runs_again_once_it_is_applied(real):
    real.says("apply", "-f", real.job)
    real.kapacitor.patch("atipico-pumps", status="disabled")

    planned = real.says("plan", "-f", real.job)
    real.says("apply", "-f", real.job)

    assert "~ task atipico-pumps: disabled" in planned
    assert real.kapacitor.look("atipico-pumps")["executing"]


def test_a_deleted_job_leaves_no_task_and_keeps_what_it_told(real):
    real.says("apply", "-f", real.job)
    real.write([20.0], 0)
    until(real.scored)

    real.says("delete", "pumps")

    assert real.tasks() == []
    assert list((real.run / "jobs").iterdir()) == []
    assert len(real.scored()) == 1
    assert "nothing to delete" in real.atipico("delete", "pumps").stderr


def test_a_stream_whose_points_have_no_shard_is_grouped_by_all_its_tags(real):
    real.influx.write(b"pump,host=a heat=1 1")

    assert ".groupBy(*)" in real.says("plan", "-f", real.job)


def test_a_database_and_a_retention_policy_that_are_missing_are_made(real, monkeypatch):
    real.job.write_text('database = "plant"\n' + JOB)
    monkeypatch.setitem(real.env, "ATIPICO_KAPACITOR_RETENTION_POLICY", "month")

    planned = real.says("plan", "-f", real.job)
    real.says("apply", "-f", real.job)

    assert "+ database plant" in planned
    assert "+ retention policy month of plant" in planned
    (policies,) = real.influx.query("SHOW RETENTION POLICIES ON plant")
    assert ["month", "720h0m0s"] in [row[:2] for row in policies["values"]]
    assert real.says("plan", "-f", real.job).splitlines()[-1] == "all is as the job file says"


def test_a_kapacitor_that_does_not_know_the_agent_is_told_what_to_add(new, real):
    other = new(Kapacitor, real.influx, {}).start()
    real.env["ATIPICO_KAPACITOR_KAPACITOR_URL"] = other.url

    refused = real.atipico("apply", "-f", real.job)

    assert refused.returncode == 1
    assert "[udf.functions.atipico]" in refused.stderr


def test_labels_reach_the_job_by_a_branch_of_their_own_and_have_no_outcome(real):
    real.job.write_text(WITH_LABELS)
    real.says("apply", "-f", real.job)

    real.influx.write(b"sales,shard=0 amount=5,id=1i,card=1i 1000")
    until(lambda: len(real.scored()) == 1)
    real.influx.write(b"labels,source=sales label=1i,id=1i 2000\nlabels,source=others label=1i,id=1i 3000")
    until(lambda: real.labels_handed_over() == 1)
    later = itertools.count(4000)  # by another connection, which may be quicker than that of the labels

    def sell() -> None:
        real.influx.write(b"sales,shard=0 amount=5,id=2i,card=1i %d" % next(later))

    until(lambda: max(row["score"] for row in real.scored().values()) > 0, sell)
    told = {time: row["score"] for time, row in real.scored().items()}

    assert told.pop(1000) == 0.0
    assert min(told) == 4000  # labels have none
    assert set(told.values()) <= {0.0, 1.0}
