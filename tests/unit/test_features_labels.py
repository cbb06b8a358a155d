"""Features that look at other features, at conditions, and at labels that come late."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.features import memory
from atipico.features.block import NO_LABELS, Labels
from atipico.features.plan import Plan
from atipico.features.spec import parse_labels, parse_specs

S = 10**9
DELAY = 7  # s
TABLE = {
    "amount": "amount",
    "card_ratio": {"ratio": "amount", "to": "median", "by": "card", "over": "30s"},
    "high": {"quantile": "amount", "q": 0.9, "by": "card", "over": 20},
    "strange": {"above": "amount", "than": ["high", "limit"]},
    "strange_n": {"sum": "strange", "by": "card", "over": "10s"},
    "biggest": {"max": "card_ratio", "by": "card", "over": "10s", "where": "strange = 1"},
    "since_strange": {"since": "amount", "by": "card", "over": "30s", "where": "strange = 1"},
    "shop_share": {"mean": "label", "by": "shop", "over": "30s"},
    "shop_run": {"run": "label", "by": "shop", "over": "30s", "where": "label = 0 or strange = 0"},
    "shop_run_age": {"run_age": "label", "by": "shop", "over": "30s", "where": "label = 0 or strange = 0"},
    "shop_usual": {"since": "label", "by": "shop", "over": "30s", "where": "label = 0"},
    "shop_known": {"count": "label", "by": "shop", "over": 50},
    "last_fraud": {"last": "card_ratio", "by": "shop", "over": 5, "where": "label = 1"},
    "pair": {"count": "amount", "by": ["card", "shop"], "over": "100s"},
    "shops": {"distinct": "shop", "by": "card", "over": "30s"},
    "spread": {"std": "amount", "by": "card", "over": 10},
    "hour": {"hour": "t"},
}
Sample = dict[str, Any]


def plan() -> Plan:
    return Plan(parse_specs(TABLE), "t", parse_labels({"id": "id", "delay": f"{DELAY}s"}))


def stream(seed: int, n: int, cards: int = 3, shops: int = 4) -> list[Sample]:
    rng, t, samples = random.Random(seed), 0, []
    for id in range(n):
        t += rng.choice([0, 1, 1, 2, 5])
        sample = {"t": t * S, "id": id, "card": f"c{rng.randrange(cards)}", "shop": rng.randrange(shops)}
        sample |= {"amount": round(rng.lognormvariate(3, 1), 2), "limit": 60.0, "fraud": int(rng.random() < 0.3)}
        samples.append(sample)
    return samples


def block(samples: list[Sample], labels: Labels = NO_LABELS, plan: Plan | None = None) -> np.ndarray:
    assert plan
    columns = {name: [one[name] for one in samples] for name in ("t", "id", "card", "shop", "amount", "limit")}
    return plan.rows([one["id"] for one in samples], ["g"] * len(samples), columns, labels).values


def run(plan: Plan, samples: list[Sample], cuts: list[int]) -> np.ndarray:
    """The samples cut into blocks, each label given before the first sample that comes DELAY or more behind its own."""
    told, due = [], 0
    for start, stop in pairwise(cuts):
        ids, values, before = [], [], []
        for row, sample in enumerate(samples[start:stop]):
            while due < start + row and samples[due]["t"] + DELAY * S <= sample["t"]:
                ids.append(samples[due]["id"])
                values.append(samples[due]["fraud"])
                before.append(row)
                due += 1
        told.append(block(samples[start:stop], Labels(ids, values, before), plan))
    return np.concatenate(told)


def by_hand(samples: list[Sample]) -> np.ndarray:
    """The same features from plain lists, each sample by itself, to compare with."""
    rows: list[list[float]] = []
    for at, one in enumerate(samples):
        now = one["t"]

        def past(*by: str, span=None, most=None, own=(), at=at, one=one, now=now) -> list[int]:
            same = [i for i in range(at) if all(samples[i][key] == one[key] for key in by)]
            if span:
                same = [i for i in same if samples[i]["t"] > now - span * S]
            return [*same, *own][-most:] if most else [*same, *own]

        def amounts(of):
            return [samples[i]["amount"] for i in of]

        card30 = past("card", span=30)
        ratio = one["amount"] / np.median(amounts(card30)) if card30 else 1.0
        high = np.quantile(amounts(past("card", most=20, own=[at])), 0.9)
        strange = float(one["amount"] > high or one["amount"] > one["limit"])
        rows.append([one["amount"], ratio, high, strange])
        card10 = past("card", span=10, own=[at])
        ratios = [rows[i][1] for i in card10 if rows[i][3]]
        odd = [i for i in card30 if rows[i][3]]
        known = [i for i in range(at) if samples[i]["shop"] == one["shop"] and samples[i]["t"] + DELAY * S <= now]
        recent = [i for i in known if samples[i]["t"] + DELAY * S > now - 30 * S]
        plain = [i for i in recent if not samples[i]["fraud"] or not rows[i][3]]
        trailing = next((n for n, i in enumerate(reversed(plain)) if not samples[i]["fraud"]), len(plain))
        usual = [i for i in recent if not samples[i]["fraud"]]
        frauds = [i for i in known if samples[i]["fraud"]]
        ten = amounts(past("card", most=10, own=[at]))
        rows[-1] += [
            sum(rows[i][3] for i in card10),
            max(ratios) if ratios else ratio,
            (now - samples[odd[-1]]["t"]) / S if odd else 30.0,
            np.mean([samples[i]["fraud"] for i in recent]) if recent else 0.0,
            trailing,
            (now - samples[plain[-trailing]]["t"]) / S if trailing else 0.0,
            (now - samples[usual[-1]]["t"]) / S if usual else 30.0,
            len(known[-50:]),
            rows[frauds[-1]][1] if frauds else 0.0,
            len(past("card", "shop", span=100, own=[at])),
            len({samples[i]["shop"] for i in past("card", span=30, own=[at])}),
            float(np.std(ten, ddof=1)) if len(ten) > 1 else 0.0,
            now % (86_400 * S) / 3600e9,
        ]
    return np.array(rows)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.integers(1, 50))
def test_blocks_of_any_size_give_what_each_sample_by_itself_gives(seed, size):
    samples = stream(seed, 250)

    told = run(plan(), samples, [*range(0, 250, size), 250])

    np.testing.assert_allclose(told, by_hand(samples), rtol=1e-9, atol=1e-9)


def test_a_hundred_thousand_transactions_with_late_labels_are_the_same_at_once_and_bit_by_bit():
    samples, rng = stream(4, 100_000, cards=100, shops=5), random.Random(4)
    cuts = [0]
    while cuts[-1] < len(samples):
        cuts.append(min(len(samples), cuts[-1] + rng.choice([1, 7, 40, 200, 900])))

    whole, live = run(plan(), samples, [0, len(samples)]), run(plan(), samples, cuts)

    assert whole.shape == (100_000, len(TABLE))
    assert np.unique(whole[:, 8]).size > 3, "hardly a run of known frauds: the labels did not reach the features"
    np.testing.assert_allclose(live, whole, rtol=1e-9, atol=1e-9)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_late_and_repeated_samples_are_told_the_same_however_they_are_cut(seed, size):
    samples, rng = stream(seed, 200), random.Random(seed)
    for _ in range(12):
        samples.insert(rng.randrange(60, 200), samples[rng.randrange(60)])  # repeats
    for _ in range(12):
        samples.insert(rng.randrange(150, 200), samples.pop(rng.randrange(140)))  # late ones

    def labelled(size: int) -> np.ndarray:
        live, told = plan(), []
        for start in range(0, len(samples), size):
            part = samples[start : start + size]
            rows = [row for row in range(len(part)) if start + row >= 100]
            old = [samples[start + row - 100] for row in rows]
            told.append(block(part, Labels([one["id"] for one in old], [one["fraud"] for one in old], rows), live))
        return np.concatenate(told)

    np.testing.assert_allclose(labelled(size), labelled(1), rtol=1e-9, atol=1e-9)


def test_a_label_that_comes_before_it_is_due_counts_from_then_on():
    live, sample = plan(), {"card": "a", "shop": 1, "amount": 5.0, "limit": 60.0}
    first = {**sample, "t": 0, "id": 0}
    rows = [{**sample, "t": t * S, "id": t} for t in (1, 6, 7)]

    block([first], plan=live)
    told = block(rows, Labels([0], [1], [0]), live)

    assert told[:, list(TABLE).index("shop_known")].tolist() == [0, 0, 1]


def test_a_label_that_comes_late_is_unknown_to_the_samples_before_it():
    live, sample = plan(), {"card": "a", "shop": 1, "amount": 5.0, "limit": 60.0}
    rows = [{**sample, "t": t * S, "id": t} for t in (0, 20, 21, 22)]

    told = block(rows, Labels([0], [1], [3]), live)

    assert told[:, list(TABLE).index("shop_known")].tolist() == [0, 0, 0, 1]


def test_a_label_counts_once_and_one_of_an_unknown_sample_never(refused):
    live, sample = plan(), {"card": "a", "shop": 1, "amount": 5.0, "limit": 60.0}
    block([{**sample, "t": 0, "id": 0}], plan=live)
    block([{**sample, "t": 10 * S, "id": 1}], Labels([0, 77, 0], [1, 1, 1], [0, 0, 0]), live)
    before = refused()

    told = block([{**sample, "t": 20 * S, "id": 2}], Labels([0, 78], [1, 1], [0, 0]), live)

    assert told[0, list(TABLE).index("shop_known")] == 1
    assert refused() == before + 2


@pytest.fixture
def refused():
    def count() -> float:
        return memory.REFUSED.labels("label of no sample that waits for one")._value.get()

    return count


def test_a_label_behind_within_is_too_late_and_what_waits_is_given_up():
    labels = parse_labels({"id": "id", "delay": "1s", "within": "100s"})
    live = Plan(parse_specs({"known": {"count": "label", "by": "shop", "over": "1000s"}}), "t", labels)

    def give(t: int, *ids: int) -> float:
        columns = {"t": [t * S], "id": [t], "shop": [1]}
        return float(live.rows([t], ["g"], columns, Labels(ids, [1] * len(ids), [0] * len(ids))).values[0, 0])

    give(0)
    give(50)
    give(101)

    assert [give(102, 0), give(103, 50), give(104)] == [0, 1, 1]


def test_restored_half_way_it_goes_on_as_if_nothing_had_happened():
    samples = stream(5, 400)
    whole = run(plan(), samples, [0, 400])

    first = plan()
    early = run(first, samples, list(range(0, 201, 20)))
    later = plan()
    later.restore(first.save())
    rest, due = [], sum(1 for one in samples if one["t"] + DELAY * S <= samples[199]["t"])
    for row in range(200, 400):
        labels = []
        while samples[due]["t"] + DELAY * S <= samples[row]["t"] and due < row:
            labels.append(samples[due])
            due += 1
        given = Labels([one["id"] for one in labels], [one["fraud"] for one in labels], [0] * len(labels))
        rest.append(block(samples[row : row + 1], given, later))

    assert np.array_equal(np.concatenate([early, *rest]), whole)


def test_keys_beyond_the_bound_are_forgotten_those_first_that_slept_longest(monkeypatch):
    monkeypatch.setattr(memory, "MOST_KEYS", 20)
    specs = {"n": {"count": "x", "by": "key", "over": 10}, "k": {"count": "label", "by": "key", "over": 10}}
    live = Plan(parse_specs(specs), "t", parse_labels({"id": "t", "delay": "1s"}))

    def give(t: int, key: int, *ids: int) -> list[float]:
        labels = Labels(ids, [1.0] * len(ids), [0] * len(ids))
        return live.rows([t], ["g"], {"t": [t * S], "x": [1.0], "key": [key]}, labels).values[0].tolist()

    for t in range(21):
        give(t, t)
    given = [give(30, 0, 20 * S), give(31, 20), give(32, 5, 19 * S, 0)]

    assert given == [[1, 0], [2, 1], [2, 0]]
    assert give(33, 19) == [2, 1]


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"a": {"z": "b", "over": 5}, "b": {"z": "x", "over": 5}}, "declare that before it"),
        ({"a": {"mean": "label", "over": 5}}, r"needs a table \[labels\]"),
        ({"a": {"above": "x"}}, "needs the option than"),
        ({"a": {"above": "x", "than": 5}}, "name of a field"),
        ({"a": {"quantile": "x", "over": 5}}, "needs the option q"),
        ({"a": {"quantile": "x", "q": 2, "over": 5}}, "share between 0 and 1"),
        ({"a": {"ratio": "x", "to": "medium", "over": 5}}, "did you mean 'median'"),
        ({"a": {"mean": "x", "over": 5, "were": "x > 1"}}, "did you mean 'where'"),
        ({"a": {"mean": "x", "over": 5, "where": "x ~ 1"}}, "NAME OPERATOR"),
        ({"label": "x"}, "take another one"),
    ],
)
def test_features_that_can_not_be_worked_out_say_why(declared, why):
    with pytest.raises(Refused, match=why):
        Plan(parse_specs(declared))
