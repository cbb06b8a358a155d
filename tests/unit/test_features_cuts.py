"""However a stream is cut into blocks, and wherever it is restored, it is told the same; disorder is not dear."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.features import waiting
from atipico.features.block import Labels
from atipico.features.keys import Keyed, Keys
from atipico.features.plan import Plan
from atipico.features.pool import Keep, Pool
from atipico.features.spec import parse_labels, parse_specs

S = 10**9
TABLE = {
    "usual": {"mean": "amount", "by": "card", "over": 3},
    "high": {"max": "amount", "by": "card", "over": 3, "where": "amount > usual"},
    "flagged": {"since_first": "amount", "by": "shop", "over": 3, "where": "flag = 1"},
    "recent": {"z": "shop", "by": "card", "over": "20s", "where": "amount > usual"},
    "share": {"mean": "label", "by": "shop", "over": "20s"},
    "frauds": {"last": "amount", "by": "card", "over": 3, "where": "label = 1"},
}
COLUMNS = ("t", "id", "card", "shop", "amount", "flag")
Told = list[tuple[int, int, int]]  # of labels: the sample each came before, id, label


def plan() -> Plan:
    return Plan(parse_specs(TABLE), "t", parse_labels({"id": "id", "delay": "4s", "within": "25s"}))


def stream(rng: random.Random, n: int) -> tuple[list[dict[str, Any]], Told]:
    """Samples that tie, come late and again, then with other values; ids that two samples have; labels at any time."""
    now, samples = 0, list[dict[str, Any]]()
    for time in range(n):
        now += rng.choice([0, 0, 1, 1, 3])
        late = rng.randint(0, 30) if rng.random() < 0.15 else 0
        sample = {"t": max(0, now - late) * S, "id": rng.randrange(n // 2), "time": time, "card": rng.randrange(2)}
        if samples and rng.random() < 0.15:
            sample = rng.choice(samples)
        samples.append({**sample, "shop": rng.randrange(3), "amount": rng.randint(0, 6), "flag": rng.randrange(2)})
    told = [(max(0, at + rng.randint(-5, 15)), one["id"], rng.randrange(2)) for at, one in enumerate(samples)]
    return samples, sorted(one for one in told if one[0] <= n)


def run(samples: list[dict[str, Any]], labels: Told, cuts: list[int], restored: bool = False) -> np.ndarray:
    live, told = plan(), []
    for start, stop in pairwise(cuts):
        here = [one for one in labels if start <= one[0] < stop or one[0] == stop == len(samples)]
        given = Labels([id for _, id, _ in here], [label for *_, label in here], [at - start for at, *_ in here])
        part = samples[start:stop]
        columns = {name: [one[name] for one in part] for name in COLUMNS}
        rows = live.rows([one["time"] for one in part], ["g"] * len(part), columns, given)
        late = [rows.late.get(at, -1) for at in range(len(part))]
        told.append(np.column_stack([rows.values, late]))
        if restored:
            saved, live = live.save(), plan()
            live.restore(saved)
    return np.concatenate(told)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_what_comes_late_again_otherwise_or_under_an_id_that_was_there_is_told_the_same_in_any_blocks(seed, size):
    samples, labels = stream(random.Random(seed), 80)

    one_by_one = run(samples, labels, list(range(81)))
    told = run(samples, labels, [*range(0, 80, size), 80])
    resumed = run(samples, labels, [*range(0, 80, size), 80], restored=True)

    np.testing.assert_allclose(told, one_by_one, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(resumed, one_by_one, rtol=1e-9, atol=1e-9)


def test_a_sample_is_late_when_one_of_its_keys_has_a_later_one_already_and_by_the_clock_of_all():
    live = Plan(
        parse_specs({"n": {"count": "x", "by": "card", "over": 9}, "m": {"mean": "x", "by": "shop", "over": 9}})
    )
    came = [(10, 1, 1), (20, 2, 2), (15, 3, 3), (5, 1, 9), (12, 2, 9), (20, 2, 2), (30, 4, 4)]

    first, second = came[:4], came[4:]
    told = [
        live.rows(
            [at * S for at, *_ in part], ["g"] * len(part), {"x": [1.0] * len(part), "card": cards, "shop": shops}
        )
        for part in (first, second)
        for _, cards, shops in [zip(*part, strict=True)]
    ]

    assert told[0].late == {3: 15 * S}
    assert told[1].late == {0: 8 * S}, "neither the one of other keys, nor the repeat"


def test_how_many_samples_wait_for_labels_is_bounded_at_the_same_sample_in_any_blocks(monkeypatch):
    monkeypatch.setattr(waiting, "MOST_WAITING", 7)
    samples, labels = stream(random.Random(3), 120)

    told = run(samples, labels, [0, 50, 120])

    assert np.array_equal(told, run(samples, labels, list(range(121)), restored=True))
    assert not np.array_equal(told, run(samples, [], [0, 120]))


def test_samples_that_come_in_the_wrong_order_are_looked_at_once_or_twice_and_not_again_for_each(monkeypatch):
    looked, codes_of = [], Keys.codes_of
    monkeypatch.setattr(Keys, "codes_of", lambda self, keys: looked.append(len(keys)) or codes_of(self, keys))
    live = Plan(parse_specs({"n": {"count": "x", "by": "k", "over": 5}}))
    looked.clear()

    live.rows(range(300)[::-1], ["g"] * 300, {"x": [1.0] * 300, "k": [0] * 300})

    assert sum(looked) <= 2 * 300


def test_a_late_sample_among_thousands_of_the_very_same_time_is_placed_in_a_few_steps(monkeypatch):
    live, steps, triple = Pool(["x"], Keep(span=0, samples=10_000)), [], Pool._triple
    many = {
        "clock": np.zeros(4000, dtype=np.int64),
        "id": np.arange(4000) * 2,
        "series": np.zeros(4000, dtype=np.int64),
    }
    live.add(Keyed.of(np.zeros(4000, dtype=np.int64)), many, np.ones(4000, dtype=bool))
    monkeypatch.setattr(Pool, "_triple", lambda self, at: steps.append(at) or triple(self, at))

    one = {"clock": np.array([0]), "id": np.array([7001]), "series": np.array([0])}
    placed = live.add(Keyed.of(np.zeros(1, dtype=np.int64)), one, np.ones(1, dtype=bool))

    assert placed.at.tolist() == [3501]
    assert len(steps) < 20


@pytest.mark.parametrize("given", [0, 2])
def test_a_label_before_its_sample_is_of_none_also_when_they_come_together(given):
    samples = [{"t": t * S, "id": t, "time": t, "card": 0, "shop": 0, "amount": 1, "flag": 0} for t in range(9)]

    told = run(samples, [(given, 2, 1)], [0, 9])

    assert not told[:, list(TABLE).index("share")].any()
