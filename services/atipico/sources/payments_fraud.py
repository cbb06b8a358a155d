"""Which terminals and cards are in the hands of others on a day: a pure function of the seed and the day.

    terminals  each falls on a day with probability 0.0004, for 15..36 days
    cards      each falls on a day with probability 0.0009, for 3..10 days

The falls of SEASON days are drawn together, so that what holds on a day lies in two seasons at most.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

SEASON = 64  # days; more than the longest fall


class Risk(NamedTuple):
    """a_day: the probability of falling. shortest, longest: days, both ends included."""

    a_day: float
    shortest: int
    longest: int


TERMINALS = Risk(0.0004, 15, 36)
CARDS = Risk(0.0009, 3, 10)


class Falls:
    """Of `many` terminals or cards, those that are fallen. seed: whole numbers, 0 or more."""

    def __init__(self, seed: tuple[int, ...], many: int, risk: Risk) -> None:
        self._seed, self._many, self._risk = seed, many, risk
        self._season = lru_cache(maxsize=8)(self._draw)

    def on(self, day: int) -> np.ndarray:
        """Who is fallen on a day, 0 being the first; one that fell twice stands there twice.

        The days before the first count: it is a day as any other.
        """
        seasons = [self._season(number) for number in (day // SEASON - 1, day // SEASON)]
        return np.concatenate([who[(first <= day) & (day < end)] for who, first, end in seasons])

    def _draw(self, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Who falls in a season, the first day of each fall and the day after its last."""
        rng = np.random.default_rng(np.random.SeedSequence((*self._seed, season + 1)))  # day 0 needs season -1
        n = rng.poisson(self._many * self._risk.a_day * SEASON)
        first = season * SEASON + rng.integers(SEASON, size=n)
        days = rng.integers(self._risk.shortest, self._risk.longest, endpoint=True, size=n)
        return rng.integers(self._many, size=n), first, first + days
