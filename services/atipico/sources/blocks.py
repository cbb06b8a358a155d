"""A recorded file in blocks, as a job gets its stream: samples in their order, each label when it is due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from atipico.sources.file import Whole
from atipico.wire.sample import Value

BLOCK = 65_536  # rows worked on at once

Column = Sequence[Value | None] | np.ndarray


class Due(NamedTuple):
    """Labels of a block. ids: of their samples. values: 1 an anomaly, 0 none. before: the row that each came before."""

    ids: list[Value]
    values: list[float]
    before: list[int]


class Block(NamedTuple):
    """rows: which of the file's. times: int64, ns, all different where the clock is the samples' own time.

    groups: each sample's series. columns: for each field one value a sample, None where it has none; an array where
    there is no None. labels: those that came with these rows.
    """

    rows: slice
    times: np.ndarray
    groups: list[str]
    columns: dict[str, Column]
    labels: Due


class Blocks:
    """The rows of a file for a job that reads the fields `needs` on its `clock`, "" for the rows' own time.

    id: the field that labels go by, None for a job that takes none. A label comes before the first row whose clock, or
    that of one before it, is `delay` ns or more behind the labelled row's; rows without a time have none.
    """

    def __init__(self, whole: Whole, needs: Sequence[str], clock: str, id: str | None = None, delay: int = 0) -> None:
        self._whole, self._needs = whole, needs
        own = whole.fields["event_time"]
        self._times = np.arange(len(own)) if clock else _own_ns(own)
        self._ids = np.ma.asarray(whole.fields[id]) if id else None
        self._of, self._before = _due_rows(own, self._ids, whole.label, delay)

    def of(self, start: int = 0, stop: int | None = None, size: int = BLOCK) -> Iterator[Block]:
        """The rows from `start` to before `stop`, all unless given, `size` at once."""
        end = len(self._times) if stop is None else stop
        for first in range(start, end, size):
            rows = slice(first, min(first + size, end))
            columns = {name: _column(self._whole.fields[name][rows]) for name in self._needs}
            yield Block(rows, self._times[rows], self._whole.series[rows].tolist(), columns, self._due(rows))

    def _due(self, rows: slice) -> Due:
        if self._ids is None:
            return Due([], [], [])
        here = slice(*np.searchsorted(self._before, [rows.start, rows.stop]))
        of, before = self._of[here], self._before[here] - rows.start
        return Due(self._ids[of].tolist(), self._whole.label[of].astype(float).tolist(), before.tolist())


def _due_rows(own: np.ndarray, ids: np.ndarray | None, label: np.ndarray, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows that have a label, in the order in which those come, and the row that each comes before."""
    if ids is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    time = np.ma.filled(own, np.iinfo(np.int64).min)
    of = np.flatnonzero((label >= 0) & ~np.ma.getmaskarray(own) & ~np.ma.getmaskarray(ids))
    before = np.maximum(np.searchsorted(np.maximum.accumulate(time), time[of] + delay), of + 1)
    order = np.argsort(before, kind="stable")
    return of[order], before[order]


def _own_ns(own: np.ndarray) -> np.ndarray:
    """The rows' own times; one with the same as the row before it, or with none, comes 1 ns behind that one."""
    at = np.arange(len(own))
    there = np.maximum.accumulate(np.where(np.ma.getmaskarray(own), -1, at))
    times = np.where(there >= 0, np.ma.filled(own, 0)[there], -1)
    new = np.concatenate([[True], times[1:] != times[:-1]])[: len(own)]
    told: np.ndarray = times + at - np.maximum.accumulate(np.where(new, at, 0))
    return told


def _column(cells: np.ndarray) -> Column:
    """Numbers as they are; as a list with None what has no value in places, or is no number."""
    if cells.dtype.kind in "fi" and not np.ma.getmaskarray(cells).any():
        return np.ma.getdata(cells)
    listed: list[Value | None] = cells.tolist()
    return listed
