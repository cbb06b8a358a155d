"""What was tried, what it cost, and how long it took to heal, part by part and fault by fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from stack.faults.cells import FAULTS
from stack.faults.chain import PARTS
from stack.faults.verdict import Verdict


@dataclass
class Cell:
    """lost, repeated, changed: samples. took: seconds to recover, of each time it was tried."""

    lost: int = 0
    repeated: int = 0
    changed: int = 0
    took: list[float] = field(default_factory=list)


class Table:
    """Cells by part and fault, and the controls with what they saw."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str], Cell] = defaultdict(Cell)
        self.controls: list[tuple[str, str]] = []

    def add(self, part: str, fault: str, took_s: float, verdict: Verdict) -> None:
        cell = self.cells[part, fault]
        cell.took.append(took_s)
        cell.lost += len(verdict.lost)
        cell.repeated += len(verdict.repeated)
        cell.changed += len(verdict.changed)

    def lines(self) -> list[str]:
        """Faults down, parts across; in each cell: tried, lost/repeated/changed, p50/p99 of the recovery in seconds."""
        if not self.cells and not self.controls:
            return []
        wide = 20
        lines = [
            "tried lost/repeated/changed recovery p50/p99 in s",
            "".join(f"{part:>{wide}}" for part in ("", *PARTS)),
        ]
        for fault in FAULTS:
            row = [self.cells.get((part, fault)) for part in PARTS]
            lines.append(f"{fault:>{wide}}" + "".join(f"{_told(cell):>{wide}}" for cell in row))
        took = [second for cell in self.cells.values() for second in cell.took]
        if took:
            lost, repeated, changed = (
                sum(getattr(cell, what) for cell in self.cells.values()) for what in ("lost", "repeated", "changed")
            )
            lines.append(
                f"in all: tried {len(took)}, lost {lost}, repeated {repeated}, changed {changed}, "
                f"recovery p50 {quantile(took, 0.5):.1f} s, p99 {quantile(took, 0.99):.1f} s"
            )
        lines += [f"control, {what}: {saw}" for what, saw in self.controls]
        return lines


def _told(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    took = f"{quantile(cell.took, 0.5):.1f}/{quantile(cell.took, 0.99):.1f}"
    return f"{len(cell.took)} {cell.lost}/{cell.repeated}/{cell.changed} {took}"


def quantile(numbers: Sequence[float], q: float) -> float:
    """The smallest number that a share q of them does not exceed."""
    inside = sorted(numbers)
    return inside[min(len(inside) - 1, int(q * len(inside)))]


TABLE = Table()  # of this run of the tests, shown at its end
