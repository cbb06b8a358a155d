"""A job with a detector in the running stack, and a sink of it: each sample has its outcome, whatever is killed."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from atipico.config import home
from atipico.detectors.spec import parse_detector
from atipico.detectors.watch import Watch
from stack.conftest import Stack
from waiting import until

DETECTOR = '{ forecast = "celsius", by = "pump", over = 16, threshold = 0.99 }'
JOB = f'stream = "pump"\ndetector = {DETECTOR}\nsinks = [{{ file = "pump.jsonl", only = "anomalous" }}]\n'
M = 3000


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    """A stack whose jobs are the tracked ones and one with a detector."""
    shutil.copytree(home() / "jobs", tmp_path / "jobs")
    (tmp_path / "jobs" / "pump.toml").write_text(JOB)
    for name in ("models", "data"):
        (tmp_path / name).symlink_to(home() / name)
    stack = Stack()
    stack.env["ATIPICO_HOME"] = str(tmp_path)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


def swings(m: int) -> list[float]:
    """Two pumps in turn, a leap at each 500th sample."""
    dice = random.Random(5)
    return [20.0 + 10 * (at % 2) + dice.gauss(0, 0.3) + (9.0 if at % 500 == 499 else 0.0) for at in range(m)]


def write(stack: Stack, celsius: list[float], at: int, size: int, start: int) -> None:
    rows = [f"pump,shard=0 celsius={celsius[n]!r},pump={n % 2}i {start + n}" for n in range(at, at + size)]
    stack.write("\n".join(rows).encode())


def sunk(run: Path) -> list[int]:
    """The times of all outcomes of which the whole line is there."""
    file = run / "sinks" / "pump.jsonl"
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [int(orjson.loads(line)["time"][-10:-1]) for line in lines]


def test_a_detector_that_learns_scores_each_sample_as_if_nobody_had_killed_its_agent(stack):
    celsius, start = swings(M), time.time_ns() // 10**9 * 10**9
    columns = {"celsius": celsius, "pump": [at % 2 for at in range(M)]}
    expected = (
        Watch(parse_detector({"forecast": "celsius", "by": "pump", "over": 16, "threshold": 0.99}))
        .judge([start + at for at in range(M)], ["shard=0"] * M, columns)
        .scores
    )

    for at in range(0, M, 60):
        write(stack, celsius, at, 60, start)
        if at in (900, 2100):
            stack.kill_and_wait({900: "agent", 2100: "host"}[at])
    until(lambda: len(stack.outcomes("pump")) >= M)
    told = stack.outcomes("pump")

    assert sorted(told) == [start + at for at in range(M)]
    for at, one in enumerate(expected):
        got = told[start + at]
        assert abs(got.score - one.score) < 1e-6, (at, got, one)
        assert got[1:] == one[1:]
    anomalies = [at for at in range(M) if expected[at].anomalous]
    assert {999, 1499, 1999, 2499, 2999} <= set(anomalies)
    until(lambda: set(sunk(stack.run)) >= set(anomalies))
    assert set(sunk(stack.run)) == set(anomalies)
