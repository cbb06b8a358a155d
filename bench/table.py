"""The results side by side: a table for people, a plain dict for programs."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from measure import Heap, Latency
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

SCORING = ("agent", "classifier")


@dataclass(frozen=True)
class Repetition:
    """Both chains, one right after the other. Ratios are taken inside one, as the machine's speed may vary."""

    ours: Heap
    naive: Heap


@dataclass(frozen=True)
class Row:
    """One thing that was measured of both. more: whether ours is the better one when it is the larger."""

    name: str
    of: Callable[[Heap], float]
    digits: int
    more: bool = False

    def ratio(self, repetition: Repetition) -> float:
        """How many times better ours is."""
        ours, naive = self.of(repetition.ours), self.of(repetition.naive)
        better, worse = (ours, naive) if self.more else (naive, ours)
        return better / worse if worse else float("inf")


def _cpu(*parts: str) -> Callable[[Heap], float]:
    return lambda heap: sum(heap.cpu_us[part] for part in parts)


def rows(repetitions: Sequence[Repetition]) -> list[Row]:
    """What is shown of chains of these parts."""
    parts = tuple(repetitions[0].ours.cpu_us)
    return [
        Row("samples/s", lambda heap: heap.samples_per_s, 0, more=True),
        *(Row(f"CPU us a sample: {part}", _cpu(part), 1) for part in parts),
        Row("CPU us a sample: all four", _cpu(*parts), 1),
        Row("CPU us a sample: agent + classifier", _cpu(*SCORING), 1),
        Row("memory MB: all four", lambda heap: sum(heap.memory_mb.values()), 0),
    ]


def plain(
    forest: str, fields: int, repetitions: Sequence[Repetition], latency: Latency | None, busy: Mapping[str, float]
) -> dict[str, Any]:
    """All that was measured, as JSON keeps it. busy: share of a core by part while our generator writes."""
    shown = rows(repetitions)
    return {
        "machine": machine(),
        "fields": fields,
        "naive_model": forest,
        "repetitions": [asdict(repetition) for repetition in repetitions],
        "median": {
            row.name: {chain: statistics.median(_all(row, repetitions, chain)) for chain in ("ours", "naive")}
            for row in shown
        },
        "ratio": {row.name: _spread([row.ratio(repetition) for repetition in repetitions]) for row in shown},
        "latency": asdict(latency) if latency else None,
        "cores_with_generator": dict(busy),
    }


def machine() -> dict[str, Any]:
    """What it ran on, as far as it matters."""
    about = {"system": platform.system(), "python": platform.python_version()}
    return {"cores": os.cpu_count(), "load": round(os.getloadavg()[1], 1), **about}  # load: of 5 minutes


def show(
    forest: str, fields: int, repetitions: Sequence[Repetition], latency: Latency | None, busy: Mapping[str, float]
) -> None:
    """Print the table: with lines and colour on a terminal, bare elsewhere."""
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else 100, highlight=False)
    table = Table(box=SIMPLE if terminal else None, pad_edge=False, title_justify="left", caption_justify="left")
    table.add_column("median of " + str(len(repetitions)))
    for name in ("Atipico", "naive", "times better", "from", "to"):
        table.add_column(name, justify="right")
    for row in rows(repetitions):
        ratio = _spread([row.ratio(repetition) for repetition in repetitions])
        medians = [statistics.median(_all(row, repetitions, chain)) for chain in ("ours", "naive")]
        cells = [f"{value:,.{row.digits}f}" for value in medians]
        table.add_row(row.name, *cells, *(f"{ratio[name]:,.1f}" for name in ("median", "lowest", "highest")))
    first = repetitions[0]
    on = machine()
    where = f"{on['cores']} cores, load {on['load']}, {on['system']}, Python {on['python']}"
    console.print(f"{where}; payments of {fields} fields")
    console.print(
        f"samples a repetition: {first.ours.samples:,} and {first.naive.samples:,}; naive model: {forest}",
        soft_wrap=True,
    )
    console.print()
    console.print(table)
    if latency:
        console.print()
        console.print(
            f"write to visible at {latency.rate:g} samples/s, {latency.samples:,} samples, all seen: "
            f"p50 {latency.p50_ms:.1f} ms, p90 {latency.p90_ms:.1f} ms, p99 {latency.p99_ms:.1f} ms, "
            f"most {latency.most_ms:.1f} ms",
            soft_wrap=True,
        )
        console.print(f"cores busy meanwhile: {_shares(latency.cores)}", soft_wrap=True)
        console.print(f"with our generator instead, payments of 5 fields: {_shares(busy)}", soft_wrap=True)


def _shares(cores: Mapping[str, float]) -> str:
    return ", ".join(f"{part} {share:.2f}" for part, share in cores.items())


def _all(row: Row, repetitions: Sequence[Repetition], chain: str) -> list[float]:
    return [row.of(getattr(repetition, chain)) for repetition in repetitions]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
