"""Parts that beat while their work is in a dead lock: each ends itself, is started again, and has lost nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest

from stack.faults.chain import Chain
from waiting import until

PARTS = ("generator", "store", "host", "agent", "classifier")
pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="a chain's disks are made with Linux's means"),
]


@pytest.fixture
def chain() -> Iterator[Chain]:
    """A chain each part of which can be put into a dead lock."""
    chain = Chain(seed=3)
    try:
        for part in PARTS:
            (chain.run / "patches" / part).write_text("dead_lock")
        chain.up("--rate", "1")
        yield chain
    finally:
        chain.close()


def test_work_in_a_dead_lock_is_begun_again_in_every_part_and_no_sample_is_lost(chain):
    stream = chain.begin("still", seed=3)
    before = {part: chain.pid(part) for part in PARTS}

    for part in PARTS:
        (chain.run / f"dead_lock.{part}").touch()
    until(lambda: all(chain.at_work(part) and chain.pid(part) != before[part] for part in PARTS), within_s=150)
    healed = time.time_ns()
    until(lambda: chain.visible(stream, healed))
    found = chain.judged(stream, healed)

    assert found.clean, str(found)
    assert found.tried > 0
    for part in PARTS:
        told = (chain.run / "log" / f"{part}.log").read_text()
        assert "work stands still" in told, part
        assert "in locked" in told, part  # where: the stacks of its threads
