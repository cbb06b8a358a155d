"""Days of a simulated world as a file: CSV, or Parquet by its name; `data/payments` says what its columns are."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from atipico.errors import NotYet, Refused
from atipico.sources.payments_world import SCENARIOS, Day, World

FORMS = {".parquet": "FORMAT parquet, COMPRESSION zstd", ".csv": "FORMAT csv, HEADER"}
_TOGETHER = 100_000  # rows handed over at once
_MEMORY = "512MB"  # rows beyond it wait on the disk, beside the file


class Made(NamedTuple):
    """rows: in the file. frauds: how many of them of each kind. cpu_seconds: this process's, for making and writing."""

    rows: int
    frauds: dict[str, int]
    cpu_seconds: float


def make_file(
    out: Path,
    days: int,
    seed: int = 1,
    customers: int = 4000,
    terminals: int | None = None,
    per_day: float | None = None,
    first_day: int = 0,
    step: Callable[[int], object] = lambda days: None,
) -> Made:
    """Write the rows that `simulate` gives for these arguments; `step` gets how many days went by.

    The columns are those of `payments_world.Day`, with `time` (UTC, microseconds) for event_time. The same
    arguments give the same bytes. The file appears when it is whole; what fails on the way leaves the old one.
    Raises Refused for a name that is neither, a missing folder or a world that can't be; NotYet when the disk is full.
    """
    if out.suffix.lower() not in FORMS:
        raise Refused(f"{out}: what kind of file? its name must end with {' or '.join(FORMS)}")
    begun = time.process_time()
    parts = World(seed, customers, terminals, per_day).days(days, first_day)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as draft:
            made = Path(draft) / "made"
            counts = _write(_together(parts, step), made, FORMS[out.suffix.lower()], Path(draft))
            made.replace(out)
    except OSError as error:
        raise Refused(f"{out} can't be written: {error.strerror}") from error
    frauds = {name: int(counts[kind]) for kind, name in SCENARIOS.items()}
    return Made(int(counts.sum()), frauds, time.process_time() - begun)


def _write(blocks: Iterable[dict[str, np.ndarray]], out: Path, form: str, spill: Path) -> np.ndarray:
    """Write blocks of columns one behind the other; returns how many rows there are of each scenario."""
    import duckdb

    counts = np.zeros(1 + max(SCENARIOS), dtype=np.int64)
    settings = {"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(spill)}
    target = str(out).replace("'", "''")
    try:
        with duckdb.connect(config=settings) as engine:
            for at, block in enumerate(blocks):
                engine.register("block", block)
                engine.execute("INSERT INTO payments FROM block" if at else "CREATE TABLE payments AS FROM block")
                engine.unregister("block")
                counts += np.bincount(block["scenario"], minlength=len(counts))
            engine.execute(f"COPY payments TO '{target}' ({form})")
    except duckdb.Error as error:
        raise NotYet(f"{out.parent} can't be written: {error}") from error
    return counts


def _together(days: Iterable[Day], step: Callable[[int], object]) -> Iterator[dict[str, np.ndarray]]:
    held: list[Day] = []
    for day in days:
        held.append(day)
        step(1)
        if sum(len(one.fraud) for one in held) >= _TOGETHER:
            yield _columns(held)
            held = []
    if held:
        yield _columns(held)


def _columns(days: list[Day]) -> dict[str, np.ndarray]:
    of = {name: np.concatenate([getattr(day, name) for day in days]) for name in Day._fields}
    time = (of.pop("event_time") // 1000).view("datetime64[us]")
    return {"transaction_id": of.pop("transaction_id"), "time": time, **of}
