"""A world of cards and terminals, made again day by day from its seed: `docs/simulator.md` has it on a page.

Who the customers are is in `payments_people`, who is fallen in `payments_fraud`; one customer has one card. On a day

    payments  Poisson(l_c) of each customer, l_c that of working days or of the weekend
    hour      of the customer's morning with probability q_c, 1.5 later at the weekend; else of the evening; + 1.4 N
    terminal  errand number ERRANDS * U^2 of the customer, so that the nearer ones come more often; 3 % of the customers
              are away that day and do another one's errands instead
    amount    Gamma with mean m_c and standard deviation v_c * m_c, times 0.8 in the morning, times 1.2 at the weekend

and three kinds of fraud:

    1 amount    0.25 % of the payments are 7 to 13 times m_c
    2 terminal  80 % of the payments at a fallen terminal; their amounts are what they are
    3 card      a fallen card makes Poisson(0.7 * the average rate of a customer) payments more: at any hour, at any
                terminal, of 2 to 5 times m_c

All these figures are our own, chosen to give 1 to 2 % fraud of which no single rule finds everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.sources.payments_fraud import CARDS, TERMINALS, Falls
from atipico.sources.payments_people import ERRANDS, people

GENUINE, AMOUNT, TERMINAL, CARD = range(4)
SCENARIOS = {AMOUNT: "amount", TERMINAL: "terminal", CARD: "card"}
START = 1_767_225_600 * 10**9  # 2026-01-01T00:00Z, a Thursday: where the clock of the world starts
DAY = 86_400 * 10**9
IDS_A_DAY = 10**7  # transaction_id = day * IDS_A_DAY + index in the day: an id needs no memory of the days before
_POPULATION, _PAYMENTS = 10, 11  # kinds of draws, beside TERMINAL and CARD


class Day(NamedTuple):
    """The payments of one day in the order of their time, one array (n,) each.

    event_time: ns since 1970 on the world's clock, whole microseconds, strictly growing. amount: currency units,
    2 decimals, above 0. scenario: GENUINE, AMOUNT, TERMINAL or CARD; fraud: 1 where that is not GENUINE.
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
        terminals = max(1, customers // 2) if terminals is None else terminals
        per_day = 2.4 * customers if per_day is None else per_day
        if seed < 0 or customers < 1 or terminals < 1 or not 0 < per_day < IDS_A_DAY / 4:
            raise Refused(
                f"payments: seed {seed}, {customers} customers, {terminals} terminals, {per_day:g} a day; "
                f"a seed of 0 or more, 1 or more of each and less than {IDS_A_DAY // 4} a day were needed"
            )
        self._seed = seed
        self._stolen_a_day = 0.7 * per_day / customers
        self._fallen_terminals = Falls((seed, TERMINAL), terminals, TERMINALS)
        self._fallen_cards = Falls((seed, CARD), customers, CARDS)
        self.people = people(self._rng(_POPULATION, 0), customers, terminals, per_day)

    def days(self, many: int, first: int = 0) -> Iterator[Day]:
        """Day `first` and those after it. Raises Refused for less than one day, or one before day 0."""
        if many < 1 or first < 0:
            raise Refused(f"payments: {many} days from day {first}; 1 or more from day 0 (2026-01-01) on were needed")
        return map(self.day, range(first, first + many))

    def day(self, number: int) -> Day:
        """The payments of day `number` (0 is the first)."""
        rng, who = self._rng(_PAYMENTS, number), self.people
        weekend = (START // DAY + number + 3) % 7 >= 5  # 1970-01-01 was a Thursday
        own = np.repeat(np.arange(len(who.home)), rng.poisson(who.daily[:, int(weekend)]))
        fallen = self._fallen_cards.on(number)
        customer = np.concatenate([own, np.repeat(fallen, rng.poisson(self._stolen_a_day, len(fallen)))])
        n, stolen = len(customer), slice(len(own), None)

        evening = rng.random(n) >= who.mornings[customer]
        hour = who.hours[customer, evening.astype(np.int8)] + (1.5 * weekend) * ~evening + 1.4 * rng.standard_normal(n)
        terminal = self._terminals(rng, customer)
        amount = rng.standard_gamma(who.shape[customer]) * who.scale[customer]
        amount *= np.where(evening, 1.0, 0.8) * (1.2 if weekend else 1.0)
        hour[stolen] = 24 * rng.random(n - len(own))
        terminal[stolen] = rng.integers(len(who.place), size=n - len(own))
        amount[stolen] = who.mean[customer[stolen]] * rng.uniform(2, 5, n - len(own))

        scenario = np.full(n, GENUINE, dtype=np.int8)
        scenario[stolen] = CARD
        scenario[self._skimmed(rng, number, terminal) & (scenario == GENUINE)] = TERMINAL
        far_out = (rng.random(n) < 0.0025) & (scenario == GENUINE)
        amount[far_out] = who.mean[customer[far_out]] * rng.uniform(7, 13, np.count_nonzero(far_out))
        scenario[far_out] = AMOUNT

        seconds = (hour % 24 * 3600).astype(np.int64)
        order = np.argsort(seconds, kind="stable")
        time = START + number * DAY + _apart(seconds[order])
        amount, scenario = np.maximum(np.round(amount[order], 2), 0.01), scenario[order]
        ids, fraud = number * IDS_A_DAY + np.arange(n), (scenario != GENUINE).astype(np.int8)
        return Day(ids, customer[order], terminal[order], amount, time, fraud, scenario)

    def _skimmed(self, rng: np.random.Generator, day: int, terminal: np.ndarray) -> np.ndarray:
        """Which payments are at a fallen terminal and not spared, bool (n,)."""
        fallen = np.zeros(len(self.people.place), dtype=np.bool_)
        fallen[self._fallen_terminals.on(day)] = True
        return np.asarray(fallen[terminal] & (rng.random(len(terminal)) < 0.8))

    def _terminals(self, rng: np.random.Generator, customer: np.ndarray) -> np.ndarray:
        errands = self.people.errands
        whose = np.arange(len(errands))
        away = np.flatnonzero(rng.random(len(errands)) < 0.03)
        whose[away] = rng.integers(len(errands), size=len(away))
        return np.asarray(errands[whose[customer], (ERRANDS * rng.random(len(customer)) ** 2).astype(np.int64)])

    def _rng(self, kind: int, day: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence((self._seed, kind, day)))


def _apart(seconds: np.ndarray) -> np.ndarray:
    """Sorted seconds as ns; those of one second follow each other by a microsecond, so that no two share a time."""
    index = np.arange(len(seconds))
    first = np.maximum.accumulate(np.where(np.diff(seconds, prepend=-1) > 0, index, 0))
    return seconds * 10**9 + (index - first) * 1000
