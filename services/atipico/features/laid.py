"""The entries of many windows laid out in a row, those that neighbours share only once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

_AT_ONCE = 1 << 17  # entries that are looked at together: what a processor's cache holds
_FREE = 8  # entries that lie there already cost as much as a new one


class Laid:
    """Windows over entries: for each of m rows those from `start` to before `end`.

    entries: int64 (p + 1,), where they lie, and one place more, as windows are given by where they end. at: (m,), where
    each row's begin in `entries`. Rows share what they have in common with the one before where both grow from there to
    here, so that rows of a key should come together and in order.
    """

    def __init__(self, start: np.ndarray, end: np.ndarray, apart: np.ndarray | None = None) -> None:
        """apart: bool (m - 1,), rows that are to share nothing with the one before."""
        fresh = np.ones(len(start), dtype=bool)
        np.greater(start[1:], end[:-1], out=fresh[1:])
        fresh[1:] |= start[1:] < start[:-1]
        if apart is not None:
            fresh[1:] |= apart
        self.counts, self._first = end - start, fresh.nonzero()[0]
        begin = start[self._first]
        self._many = np.maximum.reduceat(end, self._first) - begin if len(start) else begin
        self._many[-1:] += 1
        self.entries = expand(begin, self._many)
        moved = self._many.cumsum() - self._many - begin
        self.at = start + moved[fresh.cumsum() - 1]

    @cached_property
    def filled(self) -> np.ndarray:
        """Rows that have entries, bool (m,)."""
        told: np.ndarray = self.counts > 0
        return told

    @cached_property
    def _bounds(self) -> np.ndarray:
        """Where the entries of each filled row begin and end, by turns."""
        at, counts = (self.at, self.counts) if self.filled.all() else (self.at[self.filled], self.counts[self.filled])
        told = np.empty(2 * len(at), dtype=np.int64)
        told[::2] = at
        np.add(at, counts, out=told[1::2])
        return told

    def reduce(self, ufunc: np.ufunc, values: np.ndarray, empty: float) -> np.ndarray:
        """ufunc over each row's own of the values (p + 1,) of the entries, float64 (m,); `empty` for rows without.

        What comes out is the same to the last bit whatever rows stand beside it.
        """
        told = np.full(len(self.at), empty)
        if len(self._bounds):
            told[self.filled] = ufunc.reduceat(values, self._bounds)[::2]
        return told

    def each(self, of_rows: np.ndarray) -> np.ndarray:
        """For each entry what the first row says that looks at it, of (m,) values."""
        told: np.ndarray = of_rows[self._first].repeat(self._many)
        return told

    def is_shared(self, apart: np.ndarray) -> bool:
        """Whether a row has something in common with the one before that is `apart` from it, bool (m - 1,)."""
        apart = apart.copy()
        apart[self._first[1:] - 1] = False
        return bool(apart.any())


def expand(begin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """begin, begin + 1, ... for each of the runs, one after the other: int64 (sum of counts,)."""
    ends = counts.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    told: np.ndarray = (begin - (ends - counts)).repeat(counts)
    told += np.arange(total)
    return told


def in_pieces(start: np.ndarray, end: np.ndarray) -> Iterator[slice]:
    """Runs of rows that together have no more entries than are looked at at once; one that has more comes alone."""
    counts = end - start
    if not len(counts) or counts.sum() <= _AT_ONCE:
        yield slice(0, len(counts))
        return
    fresh = counts.copy()
    shared = (start[1:] >= start[:-1]) & (start[1:] < end[:-1])
    fresh[1:] -= np.where(shared, np.minimum(end[:-1], end[1:]) - start[1:], 0)
    total = (fresh + counts // _FREE).cumsum()
    at = 0
    while at < len(counts):
        before = int(total[at - 1]) if at else 0
        stop = max(at + 1, int(np.searchsorted(total, before + _AT_ONCE, side="right")))
        yield slice(at, stop)
        at = stop
