"""Days, counted from 1970, UTC, and spans of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

DAY = 86_400 * 10**9
EPOCH = date(1970, 1, 1)


def date_of(day: int) -> date:
    return EPOCH + timedelta(days=int(day))


def day_of(day: date) -> int:
    return (day - EPOCH).days


class Span(NamedTuple):
    """Days from `start` on, before `stop`."""

    start: int
    stop: int

    def __str__(self) -> str:
        return f"{date_of(self.start)} .. {date_of(self.stop - 1)}"

    def has(self, day: np.ndarray) -> np.ndarray:
        """Which of these days are in it, bool (n,)."""
        found: np.ndarray = (day >= self.start) & (day < self.stop)
        return found
