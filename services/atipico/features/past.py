"""What can be said of one column of the entries in windows; see `ports.Past`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atipico.features.laid import Laid

if TYPE_CHECKING:
    from atipico.features.windows import Windows

_LEAST = 2.0**-1074  # the smallest number there is
_FEW = 64  # rows that are sorted as one table


class Past:
    """One column of the windows of m rows; see `ports.Past` for what each says. What needs no entries lays out none."""

    def __init__(self, windows: Windows, column: str) -> None:
        self._windows, self._column = windows, column
        self.samples = windows.counts.astype(np.float64)
        self.reach = windows.reach

    @cached_property
    def _values(self) -> np.ndarray:
        return self._windows.values(self._column, self._windows.laid)

    def _reduce(self, ufunc: np.ufunc, empty: float) -> np.ndarray:
        return self._windows.laid.reduce(ufunc, self._values, empty)

    @cached_property
    def sum(self) -> np.ndarray:
        return self._reduce(np.add, 0.0)

    @cached_property
    def mean(self) -> np.ndarray:
        told: np.ndarray = np.divide(
            self.sum, self.samples, out=np.full(len(self.samples), np.nan), where=self._windows.filled
        )
        return told

    @cached_property
    def least(self) -> np.ndarray:
        return self._reduce(np.minimum, np.nan)

    @cached_property
    def largest(self) -> np.ndarray:
        return self._reduce(np.maximum, np.nan)

    @cached_property
    def last(self) -> np.ndarray:
        return np.where(self._windows.filled, self._windows.last(self._column), np.nan)

    @cached_property
    def _centre(self) -> np.ndarray:
        """For each row a number among its values, in whose distances from it few digits are lost: near their mean, and
        round, so that neighbours mostly have the same. It depends on a row's own values only."""
        span = self.largest - self.least
        step = np.maximum(np.ldexp(1.0, np.frexp(span)[1] - 3), _LEAST)  # an eighth to a quarter of the span
        centre = np.minimum(np.maximum(np.rint(self.mean / step) * step, self.least), self.largest)
        return np.where(self._windows.filled, centre, 0.0)

    @cached_property
    def _away(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean of the distances from the centre, and the sum of their squares."""
        windows, centre, laid, values = self._windows, self._centre, self._windows.laid, self._values
        apart = centre[1:] != centre[:-1]
        if laid.is_shared(apart):
            laid = Laid(*windows.spans, apart)
            values = windows.values(self._column, laid)
        away = values - laid.each(centre)
        return laid.reduce(np.add, away, 0.0) / np.maximum(self.samples, 1.0), laid.reduce(np.add, away * away, 0.0)

    def distance(self, newest: np.ndarray) -> np.ndarray:
        mean, _ = self._away
        return np.where(self._windows.filled, (newest - self._centre) - mean, np.nan)

    @cached_property
    def spread(self) -> np.ndarray:
        mean, squares = self._away
        left = np.maximum(squares - self.samples * mean * mean, 0.0)
        return np.where(self.samples > 1, np.sqrt(left / np.maximum(self.samples - 1, 1.0)), np.nan)

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
        counts, at = windows.counts, windows.laid.at
        filled = windows.filled.nonzero()[0]
        sizes = np.ceil(2 * np.log2(counts[filled])) if len(counts) > _FEW else np.zeros(len(filled))
        for size in set(sizes.tolist()):  # a table is at most 1.4 times as wide as its shortest row, or has few rows
            rows = filled[sizes == size]
            along = np.arange(int(counts[rows].max()))
            table = self._values.take(at[rows][:, None] + along, mode="clip")
            np.putmask(table, along >= counts[rows][:, None], np.inf)
            table.sort(axis=1)
            tables.append((rows, table))
        return tables

    @cached_property
    def run(self) -> np.ndarray:
        laid = self._windows.laid
        broken = np.where(self._values == 0.0, np.arange(len(self._values)), -1)
        last = np.maximum(laid.reduce(np.maximum, broken, -1.0), laid.at - 1)
        told: np.ndarray = laid.at + laid.counts - 1 - last
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
