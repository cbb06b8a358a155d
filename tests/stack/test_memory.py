"""Memory stays what it is once the windows are full: `bench/memory.py`, shortened; docs/numbers.md has all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import memory

MOST = 1.1
GROWS = """
import time
kept = []
print("begun", flush=True)
while True:
    kept.append(b"x" * {size})
    time.sleep(0.05)
"""


@pytest.mark.timeout(400)
def test_every_part_keeps_to_its_memory_once_its_windows_are_full():
    grown, scored, _ = memory.measure(keys=2000, warm_rate=3000, warm_s=45, rate=2000, seconds=60, most=MOST)

    print(memory.table(grown))
    assert {one.part for one in grown} >= set(memory.PARTS)
    assert scored > 0.8 * 60 * 2000
    assert [one for one in grown if one.times > MOST] == []


class Process:
    """A process alone, in place of the stack."""

    def __init__(self, size: int) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", GROWS.format(size=size)], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # what it takes to begin is no leak

    def memory(self) -> dict[str, float]:
        return {"it": psutil.Process(self._process.pid).memory_info().rss / 2**20}

    def end(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)


@pytest.mark.parametrize(("size", "leaks"), [(2**20, True), (0, False)])
def test_a_part_that_kept_what_it_was_sent_would_be_seen(size, leaks):
    process = Process(size)
    try:
        seen = memory.watch(process, 6.0)
    finally:
        process.end()

    assert (memory.grown(seen)[0].times > MOST) == leaks
