"""What each sample of a block finds in a window of its key: which entries, and how old they are."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from atipico.features.laid import Laid
from atipico.features.past import Past
from atipico.features.pool import Pool


class Windows:
    """The windows of m rows over one pool: for each the entries from `start` to before `end`, oldest first.

    Rows of a key come together and in order.
    now: the rows' clock, ns; int64 (m,) each. reach: s, how old an entry can be; infinite where the
    window counts samples.
    """

    def __init__(self, pool: Pool, start: np.ndarray, end: np.ndarray, now: np.ndarray, reach: float) -> None:
        self._pool, self._start, self._end, self._now, self.reach = pool, start, end, now, reach
        self.counts = end - start
        self.filled = self.counts > 0

    def __len__(self) -> int:
        return len(self.counts)

    def past(self, column: str) -> Past:
        """What can be said of a column of the entries. It is not kept here, as neither would go before the other."""
        return Past(self, column)

    @property
    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each row's entries begin and end in the pool."""
        return self._start, self._end

    @cached_property
    def laid(self) -> Laid:
        """The entries of all rows; they are only laid out for what needs them."""
        return Laid(self._start, self._end)

    def values(self, column: str, laid: Laid) -> np.ndarray:
        """A column of the entries laid out, float64 (p + 1,), 0 behind the last."""
        told: np.ndarray = self._pool.columns[column][laid.entries]
        told[-1:] = 0.0
        return told

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
