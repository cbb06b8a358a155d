"""The simulated world: places, habits by person, hour and weekday, and three kinds of fraud, as its pages say."""

from __future__ import annotations

import re
import textwrap

import numpy as np
import pytest

from atipico.config import home
from atipico.sources import payments_fraud, payments_people, payments_world
from atipico.sources.payments import simulate
from atipico.sources.payments_fraud import CARDS, TERMINALS, Falls, Risk
from atipico.sources.payments_people import SIDE, People
from atipico.sources.payments_world import AMOUNT, CARD, DAY, GENUINE, START, TERMINAL, World

SEED, CUSTOMERS, SHOPS, DAYS = 5, 600, 300, 140  # the world that is looked at as a whole


@pytest.fixture(scope="module")
def world() -> World:
    return World(SEED, CUSTOMERS, SHOPS)


@pytest.fixture(scope="module")
def people(world) -> People:
    return world.people


@pytest.fixture(scope="module")
def paid() -> dict[str, np.ndarray]:
    """DAYS days of `world`, with the day since the world began, the weekday (0 is Monday) and the hour."""
    columns = simulate(DAYS, SEED, CUSTOMERS, SHOPS)
    day, within = np.divmod(columns["event_time"] - START, DAY)
    return columns | {"day": day, "weekday": (day + 3) % 7, "hour": within / DAY * 24}


def only(paid: dict[str, np.ndarray], here: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[here] for name, column in paid.items()}


@pytest.fixture(scope="module")
def genuine(paid) -> dict[str, np.ndarray]:
    return only(paid, paid["scenario"] == GENUINE)


# Places


def km(people: People, payments: dict[str, np.ndarray], homes: np.ndarray | None = None) -> np.ndarray:
    """From the customer's home, or another's, to the terminal of each payment."""
    home = people.home[payments["customer"] if homes is None else homes]
    return np.linalg.norm(home - people.place[payments["terminal"]], axis=1)


def test_customers_and_terminals_are_spread_over_the_whole_square(people):
    for places in (people.home, people.place):
        counts, _, _ = np.histogram2d(*places.T, bins=3, range=[[0, SIDE]] * 2)

        assert counts.sum() == len(places)
        assert counts.min() > 0.5 * counts.mean()


def test_nearly_all_payments_are_within_reach_of_home_and_those_that_are_not_go_anywhere(people, genuine):
    neighbourhood = np.sqrt(2) * SIDE / int(np.sqrt(SHOPS / 2))
    far = km(people, genuine)

    within = far <= people.reach[genuine["customer"]] + 2 * neighbourhood

    assert 0.95 < within.mean() < 0.99
    assert np.median(far[~within]) > 0.35 * SIDE  # two places by chance are 0.51 of a side apart


def test_of_two_terminals_within_reach_the_nearer_one_is_used_more(people, genuine):
    distance = np.linalg.norm(people.home[:, None] - people.place[None], axis=2)
    used = np.zeros(distance.shape)
    np.add.at(used, (genuine["customer"], genuine["terminal"]), 1)
    nearest_first = np.take_along_axis(used, np.argsort(distance, axis=1), axis=1).sum(axis=0)

    assert nearest_first[:5].sum() > 1.3 * nearest_first[5:10].sum() > 1.3**2 * nearest_first[10:15].sum()


def test_the_same_people_with_shuffled_homes_would_be_far_from_their_terminals(people, genuine):
    shuffled = np.random.default_rng(0).permutation(len(people.home))[genuine["customer"]]

    assert np.median(km(people, genuine, shuffled)) > 4 * np.median(km(people, genuine))


def test_no_terminal_has_more_than_a_few_percent_of_all_payments(genuine):
    shares = np.bincount(genuine["terminal"], minlength=SHOPS) / len(genuine["terminal"])

    assert shares.max() < 0.03
    assert (shares > 0).mean() > 0.8


# Habits


def by_customer(values: np.ndarray, customer: np.ndarray) -> np.ndarray:
    """The mean of the values of each customer who has more than 100."""
    many = np.bincount(customer, minlength=CUSTOMERS)
    return np.bincount(customer, values, minlength=CUSTOMERS)[many > 100] / many[many > 100]


def test_each_customer_spends_about_the_own_mean_and_by_the_own_spread(people, genuine):
    usual = genuine["amount"] / people.mean[genuine["customer"]]
    many = np.bincount(genuine["customer"], minlength=CUSTOMERS) > 100

    own = by_customer(usual, genuine["customer"])
    spread = np.sqrt(by_customer((usual - 1) ** 2, genuine["customer"]))

    assert 0.9 < np.median(own) < 1.1
    assert own.std() < 0.15
    assert np.ptp(np.log(people.mean)) > 2  # and the means are far from equal
    assert np.corrcoef(spread, people.shape[many] ** -0.5)[0, 1] > 0.7


def test_each_customer_has_the_own_share_of_mornings(people, genuine):
    many = np.bincount(genuine["customer"], minlength=CUSTOMERS) > 100

    early = by_customer(genuine["hour"] < 14, genuine["customer"])

    assert np.corrcoef(early, people.mornings[many])[0, 1] > 0.9
    assert early.min() < 0.1 < 0.9 < early.max()


def test_there_are_a_morning_and_an_evening_with_less_between_and_nearly_nothing_at_night(genuine):
    a_hour = np.bincount(genuine["hour"].astype(int), minlength=24) / len(genuine["hour"])

    assert min(a_hour[9:11].min(), a_hour[17:20].min()) > 1.5 * a_hour[13:15].max()
    assert a_hour[1:5].sum() < 0.02


def test_each_customer_has_the_own_weekend(people, genuine):
    many = np.bincount(genuine["customer"], minlength=CUSTOMERS) > 100
    expected = 2 * people.daily[:, 1] / (5 * people.daily[:, 0] + 2 * people.daily[:, 1])

    share = by_customer(genuine["weekday"] >= 5, genuine["customer"])

    assert np.corrcoef(share, expected[many])[0, 1] > 0.9
    assert share.min() < 0.15 < 0.5 < share.max()


def test_mornings_begin_later_and_amounts_are_larger_at_the_weekend(people, genuine):
    weekend, early = genuine["weekday"] >= 5, genuine["hour"] < 13
    usual = genuine["amount"] / people.mean[genuine["customer"]]

    later = np.median(genuine["hour"][weekend & early]) - np.median(genuine["hour"][~weekend & early])

    assert later > 0.7
    assert usual[weekend].mean() > 1.1 * usual[~weekend].mean()
    assert usual[genuine["hour"] > 16].mean() > 1.1 * usual[genuine["hour"] < 12].mean()


# Fraud


def test_one_to_two_percent_are_fraud_of_all_three_kinds():
    days = simulate(90, seed=5, customers=2000)

    shares = [float((days["scenario"] == kind).mean()) for kind in (GENUINE, AMOUNT, TERMINAL, CARD)]

    assert 0.01 < 1 - shares[GENUINE] < 0.02
    assert min(shares) > 0.002
    assert np.array_equal(days["fraud"], days["scenario"] != GENUINE)
    assert days["amount"].min() > 0


def test_an_amount_fraud_is_far_beyond_what_its_customer_spends(people, paid, genuine):
    usual = genuine["amount"] / people.mean[genuine["customer"]]
    out = paid["scenario"] == AMOUNT

    far_out = paid["amount"][out] / people.mean[paid["customer"][out]]

    assert far_out.min() >= 6.99
    assert (usual < far_out.min()).mean() > 0.9999


def gap(some: np.ndarray, others: np.ndarray) -> float:
    """How far two samples are apart: 0 of one distribution, 1 without any overlap (Kolmogorov's distance)."""
    at = np.concatenate([some, others])
    shares = (np.searchsorted(np.sort(of), at, side="right") / len(of) for of in (some, others))
    return float(np.abs(np.subtract(*shares)).max())


def test_amounts_tell_nothing_of_a_fallen_terminal_and_all_of_an_amount_fraud(people, paid):
    usual = paid["amount"] / people.mean[paid["customer"]]
    of = {kind: usual[paid["scenario"] == kind] for kind in (GENUINE, AMOUNT, TERMINAL)}

    assert len(of[TERMINAL]) > 500
    assert gap(of[GENUINE], of[TERMINAL]) < 0.06
    assert gap(of[GENUINE], of[AMOUNT]) > 0.99


def test_a_fallen_terminal_is_fraud_mostly_for_some_weeks_and_then_no_more(paid):
    falls = Falls((SEED, TERMINAL), SHOPS, TERMINALS)
    fallen = np.zeros((DAYS, SHOPS), dtype=bool)
    for day in range(DAYS):
        fallen[day, falls.on(day)] = True

    there = fallen[paid["day"], paid["terminal"]]
    skimmed = paid["scenario"] == TERMINAL

    assert 0.75 < skimmed[there & (paid["scenario"] != CARD)].mean() < 0.85
    assert not skimmed[~there].any()


def test_what_happened_at_a_terminal_a_week_ago_tells_more_than_any_amount(paid):
    """Of what labels tell that are a week old: the share of fraud in the two weeks before, by terminal."""
    skimmed = np.zeros((DAYS, SHOPS))
    np.add.at(skimmed, (paid["day"], paid["terminal"]), paid["scenario"] == TERMINAL)
    known = np.zeros_like(skimmed)
    for day in range(8, DAYS):
        known[day] = skimmed[max(0, day - 21) : day - 7].sum(axis=0)

    suspected = known[paid["day"], paid["terminal"]] >= 3
    fraud = paid["scenario"] == TERMINAL

    assert fraud[suspected].mean() > 25 * fraud.mean()
    assert fraud[suspected].sum() > 0.4 * fraud.sum()


def test_a_stolen_card_is_used_more_often_for_more_at_any_hour_far_from_home_for_some_days(people, paid, genuine):
    stolen = only(paid, paid["scenario"] == CARD)
    usual = stolen["amount"] / people.mean[stolen["customer"]]
    pairs = np.unique(np.column_stack([stolen["customer"], stolen["day"]]), axis=0)
    begins = np.flatnonzero((np.diff(pairs[:, 0], prepend=-1) != 0) | (np.diff(pairs[:, 1], prepend=-99) > 10))
    spans = [group[-1, 1] - group[0, 1] + 1 for group in np.split(pairs, begins[1:])]

    assert (usual.min() >= 1.99, usual.max() <= 5.01) == (True, True)
    assert ((stolen["hour"] > 1) & (stolen["hour"] < 5)).mean() > 0.1
    assert np.median(km(people, stolen)) > 3 * np.median(km(people, genuine))
    assert np.mean(spans) < CARDS.longest + 1
    assert max(spans) > CARDS.shortest


def test_a_fall_lasts_as_long_as_it_may_and_begins_on_any_day():
    falls = Falls((1,), 10**6, Risk(2e-6, 5, 9))
    days = np.concatenate([np.column_stack([falls.on(day), np.repeat(day, len(falls.on(day)))]) for day in range(600)])

    who, first, lasted = np.unique(days[np.lexsort(days.T[::-1])][:, 0], return_index=True, return_counts=True)
    begun = days[np.lexsort(days.T[::-1])][first, 1]
    whole = (begun > 0) & (begun < 590)

    assert 900 < len(who) < 1500
    assert set(lasted[whole].tolist()) == set(range(5, 10))
    assert len(set(begun.tolist())) > 0.75 * 600
    assert 5 < (days[:, 1] == 0).sum() < 30  # the first day is a day as any other


@pytest.mark.parametrize("module", [payments_people, payments_world, payments_fraud])
def test_the_page_has_the_equations_of_the_code(module):
    page = (home() / "docs" / "simulator.md").read_text()

    equations = re.findall(r"(?m)(?:^ {4}.*\n)+", module.__doc__)

    assert equations
    assert all(f"```text\n{textwrap.dedent(block)}```" in page for block in equations)
