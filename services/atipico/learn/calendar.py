"""Periods: what a training counts time in, days unless told; numbered from 1970, UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np

DAY = 86_400 * 10**9
EPOCH = date(1970, 1, 1)


def date_of(day: int) -> date:
    return EPOCH + timedelta(days=int(day))


def day_of(day: date) -> int:
    return (day - EPOCH).days


class Span(NamedTuple):
    """Periods from `start` on, before `stop`, each `length` ns: a whole day, or a part that days are made of."""

    start: int
    stop: int
    length: int = DAY

    def __str__(self) -> str:
        """Its first and its last day; of shorter periods, the moments when it begins and ends."""
        if self.length == DAY:
            return f"{date_of(self.start)} .. {date_of(self.stop - 1)}"
        return f"{self.moment(self.start)} .. {self.moment(self.stop)}"

    def moment(self, period: int) -> str:
        """When a period begins, for people: 2026-01-31 for days, 2026-01-31T06:00 for parts of them."""
        begins = datetime.fromtimestamp(int(period) * self.length / 1e9, UTC)
        return begins.strftime("%Y-%m-%d" if self.length == DAY else "%Y-%m-%dT%H:%M")

    def has(self, period: np.ndarray) -> np.ndarray:
        """Which of these periods are in it, bool (n,)."""
        found: np.ndarray = (period >= self.start) & (period < self.stop)
        return found
