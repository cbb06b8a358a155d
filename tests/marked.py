"""Marks of a job that a sweeper looks after."""

from __future__ import annotations

from pathlib import Path

from atipico.engines.sweeper.marks import Marks
from atipico.wire.snapshot import Snapshot


def snapshot(number: int, until: int, life: str = "a", shape: str = "s") -> bytes:
    return Snapshot(number, shape, None, life, {"shard=0": until - 3, "shard=1": until}).to_bytes()


def marked(folder: Path) -> Marks:
    """Samples from 50 on; marks 1, 2 and 3 know those until 100, 200 and 300."""
    marks = Marks(folder / "pumps.json")
    marks.begin(snapshot(1, 100), since=50)
    for number in range(1, 4):
        marks.add(snapshot(number, 100 * number))
    return marks
