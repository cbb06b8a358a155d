"""Features by key over windows, block by block."""

from __future__ import annotations

import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.features.keys import Keyed
from atipico.features.plan import Plan
from atipico.features.pool import Keep, Pool
from atipico.features.spec import parse_specs

TABLE = {
    "amount": "amount",
    "count_10s": {"count": "amount", "by": "card", "over": "10s"},
    "mean_10s": {"mean": "amount", "by": "card", "over": "10s"},
    "z_10s": {"z": "amount", "by": "card", "over": "10s"},
    "ratio_5": {"ratio": "amount", "by": "card", "over": 5},
    "z_series": {"z": "amount", "over": 4},
}
S = 10**9


def plan() -> Plan:
    return Plan(parse_specs(TABLE))


def rows(plan: Plan, samples: list[tuple[int, str, float | None]]) -> np.ndarray:
    """samples: (second, card, amount)."""
    times = [int(t * S) for t, _, _ in samples]
    columns = {"amount": [x for *_, x in samples], "card": [card for _, card, _ in samples]}
    return plan.rows(times, ["series"] * len(samples), columns).values


def by_hand(samples: list[tuple[int, str, float]]) -> np.ndarray:
    """The same features in two passes over plain lists, to compare with."""
    out = []
    for at, (t, card, x) in enumerate(samples):
        same = [(u, y) for u, c, y in samples[:at] if c == card]
        recent = [y for u, y in same if u > t - 10]
        last5 = [y for _, y in same][-4:]
        last4 = [y for *_, y in samples[:at]][-3:]
        out.append([x, len(recent) + 1, np.mean([*recent, x]), _z(x, recent), _ratio(x, last5), _z(x, last4)])
    return np.array(out)


def _z(x: float, past: list[float]) -> float:
    if len(past) < 2:
        return 0.0
    distance, spread = x - np.mean(past), np.std(past, ddof=1)
    if len(set(past)) == 1:
        distance, spread = x - past[0], 0.0
    return (
        0.0
        if distance == 0
        else float(np.clip(distance / spread if spread else math.copysign(1e9, distance), -100, 100))
    )


def _ratio(x: float, past: list[float]) -> float:
    return x / float(np.mean(past)) if past else 1.0


def stream(seed: int, n: int) -> list[tuple[int, str, float]]:
    rng, t = random.Random(seed), 0
    out = []
    for _ in range(n):
        t += rng.choice([1, 1, 2, 9, 30])
        out.append((t, rng.choice("ab"), round(rng.lognormvariate(3, 1), 2)))
    return out


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 400), st.integers(1, 60))
def test_blocks_of_any_size_give_what_two_passes_over_the_whole_give(seed, n, size):
    samples, live = stream(seed, n), plan()

    blocks = [rows(live, samples[at : at + size]) for at in range(0, n, size)]

    np.testing.assert_allclose(np.concatenate(blocks), by_hand(samples), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("level", [0.0, 1e6, 1e9])
def test_a_spike_or_a_far_level_leaves_no_lost_digits_behind(level):
    rng = random.Random(7)
    samples = [(t, "a", level + rng.random()) for t in range(400)]
    samples[50] = (50, "a", level + 1e12)
    samples[200:] = [(t, c, x - level) for t, c, x in samples[200:]]

    live = rows(plan(), samples)

    np.testing.assert_allclose(live[:, 3], by_hand(samples)[:, 3], rtol=1e-6, atol=1e-6)


def test_a_repeat_replaces_and_never_counts_twice():
    samples = stream(3, 60)
    live = plan()
    first = rows(live, samples)

    again = rows(live, samples[-1:])
    after = rows(live, [(samples[-1][0] + 1, "a", 5.0)])

    np.testing.assert_allclose(again[0], first[-1], rtol=1e-9)
    np.testing.assert_allclose(after[0], by_hand([*samples, (samples[-1][0] + 1, "a", 5.0)])[-1], rtol=1e-9)


def test_two_series_that_share_a_key_and_the_very_ns_count_as_two():
    live = plan()
    columns = {"amount": [1.0, 3.0], "card": ["a", "a"]}

    live.rows([5 * S, 5 * S], ["host=x", "host=y"], columns)
    again = live.rows([5 * S, 5 * S], ["host=x", "host=y"], columns)
    after = live.rows([6 * S], ["host=x"], {"amount": [2.0], "card": ["a"]})

    assert sorted(again.values[:, 1]) == [1, 2]
    assert after.values[0, 1:3].tolist() == [3, 2.0]


def test_a_late_sample_is_judged_by_what_came_before_it_and_joins_the_past():
    samples = [(t, "a", float(t)) for t in (1, 2, 3, 5, 6)]
    live = plan()
    rows(live, samples)

    late = rows(live, [(4, "a", 4.0)])
    newest = rows(live, [(7, "a", 9.0)])

    assert late[0, 1] == 4
    np.testing.assert_allclose(
        newest[0, :4], by_hand([(t, "a", float(t)) for t in range(1, 7)] + [(7, "a", 9.0)])[-1, :4]
    )


@pytest.mark.parametrize("late", [lambda at: at, lambda at: at + 3 * (-1) ** at])
def test_a_key_whose_samples_come_late_for_ever_is_remembered_within_the_bound(late):
    live = Pool(["x"], Keep(span=20, samples=50))
    one, held = Keyed.of(np.zeros(1, dtype=np.int64)), np.ones(1, dtype=bool)
    far = np.array([2**61])  # one sample that says it is of the far future
    live.add(one, {"clock": far, "id": far, "series": far}, held)

    for at in range(1000):
        live.add(one, {"clock": np.array([late(at)]), "id": np.array([at]), "series": np.array([0])}, held)

    assert len(live) <= 200


@pytest.mark.parametrize("huge", [1e101, 1e200, -1e308])
def test_a_value_too_large_to_be_squared_is_refused_and_spoils_no_window(huge):
    samples = [(t, "a", 1.0 + t % 7) for t in range(60)]
    with_huge = [*samples[:20], (19.5, "a", huge), *samples[20:]]

    live = rows(plan(), with_huge)

    assert np.isnan(live[20]).all()
    np.testing.assert_allclose(np.delete(live, 20, axis=0), by_hand(samples), rtol=1e-9, atol=1e-9)


def test_the_largest_values_have_finite_features():
    samples = [(t, "a", 1e100 * (-1) ** t) for t in range(60)]

    assert np.isfinite(rows(plan(), samples)).all()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 399))
def test_what_was_saved_goes_on_to_the_very_same_bits(seed, cut):
    samples, straight, early, late = stream(seed, 400), plan(), plan(), plan()
    whole = rows(straight, samples)

    rows(early, samples[:cut])
    late.restore(early.save())

    assert np.array_equal(rows(late, samples[cut:]), whole[cut:])


def test_a_checkpoint_of_other_features_is_refused_and_changes_nothing():
    other, mine = Plan(parse_specs({"x": {"z": "x", "over": 5}})), plan()
    rows(mine, stream(1, 50))
    before = mine.save()

    with pytest.raises(Refused, match="the job now has"):
        mine.restore(other.save())

    assert mine.save() == before


def test_a_checkpoint_that_is_not_whole_is_refused_and_changes_nothing():
    mine = plan()
    rows(mine, stream(1, 50))
    before = mine.save()
    shape, kept = msgspec.msgpack.decode(before)
    kept[2][0]["amount"] = kept[2][0]["amount"][:-8]

    for torn in (before[:-1], b"", msgspec.msgpack.encode([shape, kept]), msgspec.msgpack.encode([shape, 5])):
        with pytest.raises(Refused, match="can't be read"):
            mine.restore(torn)

    assert mine.save() == before


@pytest.mark.parametrize(("amount", "why"), [(None, "missing"), (math.nan, "nan"), (math.inf, "inf"), ("12", "'12'")])
def test_a_sample_without_a_number_is_refused_with_its_reason_and_its_neighbours_are_not(amount, why):
    samples = [(1, "a", 1.0), (2, "a", 2.0), (3, "a", 3.0)]
    clean = rows(plan(), [samples[0], samples[2]])
    columns = {"amount": [1.0, amount, 3.0], "card": ["a"] * 3}

    got = plan().rows([1 * S, 2 * S, 3 * S], ["series"] * 3, columns)

    assert list(got.refused) == [1]
    assert why in got.refused[1]
    assert np.array_equal(got.values[[0, 2]], clean)


def test_the_jobs_clock_must_be_an_integer():
    live = Plan(parse_specs(TABLE), clock="event_time")
    columns = {"amount": [1.0, 2.0], "card": ["a", "a"], "event_time": [1, None]}

    got = live.rows([5, 6], ["s", "s"], columns)

    assert "event_time is missing" in got.refused[1]


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"x": {"zz": "x", "over": 5}}, "did you mean 'z'"),
        ({"x": {"z": "x"}}, "needs over"),
        ({"x": {"z": "x", "over": 1}}, "2 samples"),
        ({"x": {"z": "x", "over": "7"}}, "unit"),
        ({"x": {"z": "x", "mean": "y", "over": 5}}, "just one kind"),
        ({}, "empty"),
    ],
)
def test_a_wrong_declaration_says_what_was_needed(declared, why):
    with pytest.raises(Refused, match=why):
        parse_specs(declared)
