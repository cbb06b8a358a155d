"""Which samples count as late: all whose neighbours, or they themselves, would have been told otherwise in order."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import accumulate
from typing import Any

import numpy as np
import pytest

from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.features.spec import parse_labels, parse_specs

S, N, RUNS = 10**9, 60, 60
PLAIN = {
    "many": {"count": "amount", "by": "card", "over": "20s"},
    "usual": {"mean": "amount", "by": "card", "over": 5},
}
SOME = {
    "flagged": {"mean": "amount", "by": "card", "over": 3, "where": "flag = 1"},
    "recent": {"count": "amount", "by": "card", "over": "20s", "where": "flag = 1"},
}
LABELS = {
    "frauds": {"sum": "label", "by": "shop", "over": 3},
    "share": {"mean": "label", "by": "shop", "over": "20s"},
}
Sample = dict[str, Any]
Told = list[tuple[int, int, float]]  # of labels: how many samples came before, the id, the label


def in_order(rng: random.Random) -> list[Sample]:
    clocks = accumulate(rng.choice([1, 1, 2, 3]) for _ in range(N))
    return [
        {"t": t * S, "id": id, "card": rng.randrange(4), "shop": rng.randrange(2), "amount": id % 9, "flag": id % 2}
        for id, t in enumerate(clocks)
    ]


def features(table: dict[str, Any], samples: list[Sample], labels: Told, allowed_late: int) -> tuple[np.ndarray, bool]:
    """The features of each sample, by id, and whether any is called late."""
    of_labels = parse_labels({"id": "id", "delay": "4s", "within": "25s"}) if table is LABELS else None
    plan = Plan(parse_specs(table), "t", of_labels, allowed_late=allowed_late)
    columns = {name: [one[name] for one in samples] for name in samples[0]}
    told = Labels([id for _, id, _ in labels], [label for *_, label in labels], [at for at, *_ in labels])
    rows = plan.rows(columns["id"], ["g"] * N, columns, told)
    return rows.values[np.argsort(columns["id"])], bool(rows.late)


def differ(table: dict[str, Any], allowed_late: int = 30 * S) -> list[bool]:
    """For each stream in which some came late and none is called so: whether a feature is not as in order."""
    found = []
    for seed in range(RUNS):
        rng = random.Random(seed)
        samples = in_order(rng)
        came = sorted(samples, key=lambda one: one["t"] + (rng.randrange(6) * S if rng.random() < 0.04 else 0))
        clocks, furthest = [one["t"] for one in samples], list(accumulate((one["t"] for one in came), max))
        told = sorted(
            (min(N - 1, at + rng.randint(0, 10)), one["id"], float(rng.randrange(2))) for at, one in enumerate(came)
        )
        behind = [(bisect_right(clocks, furthest[at]), at, id, label) for at, id, label in told]
        live, late = features(table, came, [(at + 1, id, label) for at, id, label in told], allowed_late)
        wanted, _ = features(table, samples, [(at, id, label) for at, _, id, label in sorted(behind)], allowed_late)
        if came != samples and not late:
            found.append(not np.allclose(live, wanted))
    return found


@pytest.mark.parametrize("table", [PLAIN, SOME, LABELS], ids=["all samples", "some samples", "labels"])
def test_where_none_is_called_late_each_has_the_features_it_has_in_order(table):
    told = differ(table)

    assert len(told) > 5
    assert not any(told)


def test_the_control_labels_that_are_not_kept_for_who_comes_late_are_missed():
    assert any(differ(LABELS, allowed_late=0))
