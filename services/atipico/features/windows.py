"""What each sample of a block finds in a window of its key: the entries, and what can be said of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from atipico.features.pool import Pool, expand

_AT_ONCE = 1 << 17  # entries in windows that are looked at together: what a processor's cache holds


class Windows:
    """The windows of m rows over one pool: for each the entries from `start` to before `end`, oldest first.

    Rows come in the order of their starts.
    now: the rows' clock, ns; int64 (m,) each. reach: s, how old an entry can be; infinite where the
    window counts samples. `entries` (p,) are all of them, row after row; they are only laid out for what needs them.
    """

    def __init__(self, pool: Pool, start: np.ndarray, end: np.ndarray, now: np.ndarray, reach: float) -> None:
        self._pool, self._start, self._end, self._now, self.reach = pool, start, end, now, reach
        self.counts = end - start
        self.filled = self.counts > 0
        self._pasts: dict[str, Past] = {}

    def __len__(self) -> int:
        return len(self.counts)

    def past(self, column: str) -> Past:
        """What can be said of a column of the entries."""
        if column not in self._pasts:
            self._pasts[column] = Past(self, column)
        return self._pasts[column]

    @cached_property
    def entries(self) -> np.ndarray:
        return expand(self._start, self.counts)

    @cached_property
    def ends(self) -> np.ndarray:
        """Where each row's entries end in `entries`."""
        told: np.ndarray = self.counts.cumsum()
        return told

    @cached_property
    def starts(self) -> np.ndarray:
        told: np.ndarray = self.ends - self.counts
        return told

    def values(self, column: str) -> np.ndarray:
        """A column of the entries, float64 (p,)."""
        told: np.ndarray = self._pool.columns[column][self.entries]
        return told

    def reduce(self, ufunc: np.ufunc, values: np.ndarray, empty: float) -> np.ndarray:
        """ufunc over each row's own of the values (p,) of the entries, float64 (m,); `empty` for rows without."""
        told = np.full(len(self), empty)
        if len(values):
            told[self.filled] = ufunc.reduceat(values, self.starts[self.filled])
        return told

    def first(self, column: str) -> np.ndarray:
        """The oldest entry's value of each row, float64 (m,); 0 for rows without."""
        return np.where(self.filled, self._pool.columns[column][self._start], 0.0)

    def last(self, column: str) -> np.ndarray:
        """The newest entry's value of each row, float64 (m,); 0 for rows without."""
        return np.where(self.filled, self._pool.columns[column][np.maximum(self._end - 1, 0)], 0.0)

    def ages(self, places: np.ndarray) -> np.ndarray:
        """How old the entries at these places (m,) are, in s on the rows' clock."""
        born = self._pool.order.get("born", self._pool.order["clock"])
        told: np.ndarray = (self._now - born[places]) / 1e9
        return told

    @cached_property
    def newest_age(self) -> np.ndarray:
        return np.where(self.filled, self.ages(np.maximum(self._end - 1, 0)), np.nan)

    @cached_property
    def oldest_age(self) -> np.ndarray:
        return np.where(self.filled, self.ages(self._start), np.nan)

    def ages_from_end(self, many: np.ndarray) -> np.ndarray:
        """How old the entry is that is the `many`-th of each row from its end; 0 where that is 0."""
        return np.where(many > 0, self.ages(self._end - many), 0.0)


class Past:
    """One column of the windows; see `ports.Past` for what each says."""

    def __init__(self, windows: Windows, column: str) -> None:
        self._windows, self._column = windows, column
        self.samples = windows.counts.astype(np.float64)
        self.reach = windows.reach

    @cached_property
    def sum(self) -> np.ndarray:
        return self._windows.reduce(np.add, self._values, 0.0)

    @cached_property
    def mean(self) -> np.ndarray:
        told: np.ndarray = np.divide(
            self.sum, self.samples, out=np.full(len(self.samples), np.nan), where=self._windows.filled
        )
        return told

    @cached_property
    def least(self) -> np.ndarray:
        return self._windows.reduce(np.minimum, self._values, np.nan)

    @cached_property
    def largest(self) -> np.ndarray:
        return self._windows.reduce(np.maximum, self._values, np.nan)

    @cached_property
    def last(self) -> np.ndarray:
        return np.where(self._windows.filled, self._windows.last(self._column), np.nan)

    @cached_property
    def _values(self) -> np.ndarray:
        return self._windows.values(self._column)

    @cached_property
    def _away(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each row's oldest value; the entries' distances from it, of which few digits are lost; their mean."""
        windows = self._windows
        first = windows.first(self._column)
        away = self._values - first.repeat(windows.counts)
        return first, away, windows.reduce(np.add, away, 0.0) / np.maximum(self.samples, 1.0)

    def distance(self, newest: np.ndarray) -> np.ndarray:
        first, _, mean = self._away
        return np.where(self._windows.filled, (newest - first) - mean, np.nan)

    @cached_property
    def spread(self) -> np.ndarray:
        _, away, mean = self._away
        centred = away - mean.repeat(self._windows.counts)
        squares = self._windows.reduce(np.add, centred * centred, 0.0)
        return np.where(self.samples > 1, np.sqrt(squares / np.maximum(self.samples - 1, 1.0)), np.nan)

    def quantile(self, q: float) -> np.ndarray:
        told = np.full(len(self.samples), np.nan)
        for rows, table in self._sorted:
            place = q * (self.samples[rows] - 1)
            below = place.astype(np.int64)
            above = np.minimum(below + 1, self._windows.counts[rows] - 1)
            line = np.arange(len(rows))
            low, high = table[line, below], table[line, above]
            told[rows] = low + (high - low) * (place - below)
        return told

    @cached_property
    def distinct(self) -> np.ndarray:
        told = np.zeros(len(self.samples))
        for rows, table in self._sorted:
            counts = self._windows.counts[rows][:, None]
            changes = (table[:, 1:] != table[:, :-1]) & (np.arange(1, table.shape[1]) < counts)
            told[rows] = 1.0 + changes.sum(axis=1)
        return told

    @cached_property
    def _sorted(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(rows, their values sorted in a table, infinity behind them); rows of like length together."""
        windows, tables = self._windows, []
        counts, values = windows.counts, self._values
        filled = windows.filled.nonzero()[0]
        sizes = np.ceil(2 * np.log2(counts[filled])) if len(counts) > 64 else np.zeros(len(filled))
        for size in set(sizes.tolist()):  # a table is at most 1.4 times as wide as its shortest row, or has few rows
            rows = filled[sizes == size]
            width = int(counts[rows].max())
            table = np.full((len(rows), width), np.inf)
            table[np.arange(width) < counts[rows][:, None]] = values[expand(windows.starts[rows], counts[rows])]
            table.sort(axis=1)
            tables.append((rows, table))
        return tables

    @cached_property
    def run(self) -> np.ndarray:
        windows = self._windows
        broken = np.where(self._values == 0.0, np.arange(len(self._values)), -1)
        last = np.maximum(windows.reduce(np.maximum, broken, -1.0), windows.starts - 1)
        told: np.ndarray = windows.ends - 1 - last
        return told

    @cached_property
    def run_age(self) -> np.ndarray:
        return self._windows.ages_from_end(self.run.astype(np.int64))

    @property
    def newest_age(self) -> np.ndarray:
        return self._windows.newest_age

    @property
    def oldest_age(self) -> np.ndarray:
        return self._windows.oldest_age


def in_pieces(counts: np.ndarray) -> Iterator[slice]:
    """Runs of rows that together have no more entries than are looked at at once; one that has more comes alone."""
    total = counts.cumsum()
    if not len(total) or total[-1] <= _AT_ONCE:
        yield slice(0, len(counts))
        return
    at = 0
    while at < len(counts):
        before = int(total[at - 1]) if at else 0
        stop = max(at + 1, int(np.searchsorted(total, before + _AT_ONCE, side="right")))
        yield slice(at, stop)
        at = stop
