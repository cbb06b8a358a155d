"""A small world of cards and terminals, made again day by day from its seed.

Habits, drawn once a world, for each customer c (one card each):

    mean amount      m_c = 40 * exp(0.6 * N(0, 1)) within 5..200, in currency units
    spread           v_c = 0.3..0.6 of that mean, evenly
    visits a day     l_c ~ Gamma(2), scaled so that all together make `per_day`
    usual hour       h_c = 14 + 2.5 * N(0, 1)
    terminals        8 favourites, the busier the lower their number; visited like 1 / rank

A day then has Poisson(l_c) payments of each, at (h_c + 3.5 * N(0, 1)) modulo 24 hours, at a favourite
(5 % anywhere), of an amount ~ Gamma with mean m_c and standard deviation v_c * m_c. Three frauds:

    1 amount    0.3 % of all payments are 8 to 15 times m_c
    2 terminal  0.04 % of the terminals fall each day, for 14..28 days; 90 % of their payments are fraud
    3 card      0.1 % of the cards fall each day, for 5..14 days; 40 % of their amounts become 3 to 6 times as large

All these figures are our own, chosen to give 1 to 2 % fraud of which no single rule finds everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused

GENUINE, AMOUNT, TERMINAL, CARD = range(4)
START = 1_767_225_600 * 10**9  # 2026-01-01T00:00Z: where the clock of the world starts
DAY = 86_400 * 10**9
IDS_A_DAY = 10**7  # transaction_id = day * IDS_A_DAY + index in the day: an id needs no memory of the days before
_POPULATION, _PAYMENTS = 10, 11  # kinds of draws, beside TERMINAL and CARD


class Day(NamedTuple):
    """The payments of one day in the order of their time, one array (n,) each.

    event_time: ns since 1970 on the world's clock, strictly growing. amount: currency units, 2 decimals, above 0.
    scenario: GENUINE, AMOUNT, TERMINAL or CARD; fraud: 1 where that is not GENUINE.
    """

    transaction_id: np.ndarray
    customer: np.ndarray
    terminal: np.ndarray
    amount: np.ndarray
    event_time: np.ndarray
    fraud: np.ndarray
    scenario: np.ndarray


class World:
    """Cards, terminals and what they do on each day: a pure function of the arguments and the day's number.

    terminals: half as many as customers unless given. per_day: payments a day on average, 2.4 a customer unless given.
    """

    def __init__(self, seed: int, customers: int, terminals: int | None = None, per_day: float | None = None) -> None:
        self._seed = seed
        self._customers = customers
        self._terminals = max(1, customers // 2) if terminals is None else terminals
        per_day = 2.4 * customers if per_day is None else per_day
        if seed < 0 or customers < 1 or self._terminals < 1 or not 0 < per_day < IDS_A_DAY / 2:
            raise Refused(
                f"payments: seed {seed}, {customers} customers, {self._terminals} terminals, {per_day:g} a day; "
                f"a seed of 0 or more, 1 or more of each and less than {IDS_A_DAY // 2} a day were needed"
            )
        rng = self._rng(_POPULATION, 0)
        self._mean = np.clip(40 * np.exp(0.6 * rng.standard_normal(customers)), 5, 200)
        self._spread = rng.uniform(0.3, 0.6, customers)
        rates = rng.gamma(2, size=customers)
        self._rates = rates * (per_day / rates.sum())
        self._hour = 14 + 2.5 * rng.standard_normal(customers)
        self._favourites = (self._terminals * rng.random((customers, 8)) ** 1.5).astype(np.int64)
        visits = 1 / np.arange(1, 9)
        self._visits = np.cumsum(visits / visits.sum())[:-1]
        self._fallen_on = lru_cache(maxsize=256)(self._falls)

    def day(self, number: int) -> Day:
        """The payments of day `number` (0 is the first)."""
        rng = self._rng(_PAYMENTS, number)
        customer = np.repeat(np.arange(self._customers), rng.poisson(self._rates))
        n = len(customer)
        seconds = (self._hour[customer] + 3.5 * rng.standard_normal(n)) % 24 * 3600
        order = np.argsort(seconds, kind="stable")
        customer = customer[order]
        # The index is added as nanoseconds, so that no two payments share a time.
        event_time = START + number * DAY + seconds[order].astype(np.int64) * 10**9 + np.arange(n)
        favourite = self._favourites[customer, np.searchsorted(self._visits, rng.random(n), side="right")]
        terminal = np.where(rng.random(n) < 0.05, rng.integers(self._terminals, size=n), favourite)
        mean, spread = self._mean[customer], self._spread[customer]
        amount = rng.gamma(1 / spread**2) * mean * spread**2

        scenario = np.full(n, GENUINE, dtype=np.int8)
        far_out = rng.random(n) < 0.003
        amount = np.where(far_out, mean * rng.uniform(8, 15, n), amount)
        scenario[far_out] = AMOUNT
        spent = np.isin(customer, self._fallen(CARD, number)) & (rng.random(n) < 0.4) & (scenario == GENUINE)
        amount = np.where(spent, amount * rng.uniform(3, 6, n), amount)
        scenario[spent] = CARD
        skimmed = np.isin(terminal, self._fallen(TERMINAL, number)) & (rng.random(n) < 0.9) & (scenario == GENUINE)
        scenario[skimmed] = TERMINAL

        ids = number * IDS_A_DAY + np.arange(n)
        amount = np.maximum(np.round(amount, 2), 0.01)
        return Day(ids, customer, terminal, amount, event_time, (scenario != GENUINE).astype(np.int8), scenario)

    def _fallen(self, kind: int, day: int) -> list[int]:
        """The terminals or cards that are in the hands of others on a day."""
        longest = 28 if kind == TERMINAL else 14
        return [who for start in range(day - longest + 1, day + 1) for who in self._still(kind, start, day)]

    def _still(self, kind: int, start: int, day: int) -> Iterator[int]:
        who, lengths = self._fallen_on(kind, start)
        return (int(one) for one, length in zip(who, lengths, strict=True) if day < start + length)

    def _falls(self, kind: int, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Who falls on day `start` and for how many days. Days before the first count: it is as any other."""
        rng = self._rng(kind, start)
        many, share, shortest, longest = (
            (self._terminals, 0.0004, 14, 28) if kind == TERMINAL else (self._customers, 0.001, 5, 14)
        )
        n = rng.poisson(many * share)
        return rng.integers(many, size=n), rng.integers(shortest, longest + 1, size=n)

    def _rng(self, kind: int, day: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence((self._seed, kind, day + 100)))  # entropy can't be negative
