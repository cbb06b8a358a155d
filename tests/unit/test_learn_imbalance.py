"""What is done about few anomalies is done to the rows of a training, and no other row knows of it."""

from __future__ import annotations

import numpy as np
import pytest

from atipico.errors import Refused
from atipico.learn import fit, imbalance
from atipico.learn.calendar import DAY, Span
from atipico.learn.ensembles import Member
from atipico.learn.imbalance import METHODS, RESAMPLE, Shown, balanced
from atipico.learn.methods import Imbalance
from atipico.learn.recipe import Recipe
from atipico.learn.split import Split, judged
from atipico.learn.table import Table
from trained import Remembers

TAINT = 14  # the column that tells a row of the training (0) from one that must not be seen there (1)
MADE = Split(Span(0, 30), Span(30, 37), Span(37, 44))


def told(kind: str, **parts) -> Imbalance:
    return Imbalance.model_validate({"kind": kind, **parts})


def recipe(kind: str, **train) -> Recipe:
    plain = {"name": "m", "job": "j", "estimator": [{"kind": "lightgbm"}], "threshold": {"alerts_per_day": 5}}
    return Recipe.model_validate(plain | {"train": {"imbalance": {"kind": kind, "ratio": 0.5}, **train}})


def shown(rows: int = 900, weight: bool = False) -> Shown:
    """One in ten an anomaly, at another place of columns of very different size."""
    rng = np.random.default_rng(0)
    label = (np.arange(rows) % 10 == 0).astype(np.int8)
    values = rng.normal(size=(rows, 3)) * [1, 1e5, 1e-3] + label[:, None] * [2, 2e5, 1e-3]
    return Shown(values, label, rng.uniform(0.5, 2, rows) if weight else None)


def table() -> Table:
    """60 days; the taint is 0 on the days that train, 1 on all others."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(60), 40)
    label = (rng.random(len(day)) < 0.15).astype(np.int8)
    values = np.column_stack([rng.normal(size=(len(day), TAINT)) + label[:, None] / 2, ~MADE.train.has(day)])
    return Table(
        day * DAY,
        day,
        label,
        {},
        (*(f"x{n}" for n in range(TAINT)), "taint"),
        values,
        None,
        Span(0, 60),
        7 * DAY,
        "shape",
    )


def trained(of: Recipe, rows: Table) -> Remembers:
    fitted = fit.fit(of, rows, MADE, [Member("1", "remembers", 1.0, Remembers())], lambda line: None)
    return fitted.ensemble.members[0].estimator


@pytest.mark.parametrize("kind", METHODS)
def test_no_row_that_was_made_or_drawn_meets_a_row_that_judges(kind):
    rows = table()
    before = rows.values.copy()

    seen = trained(recipe(kind), rows)

    validation = judged(recipe(kind), rows, MADE)
    assert (seen.rows[:, TAINT] == 0).all()  # a row between two has a taint as soon as one of them has
    assert (rows.values[validation, TAINT] == 1).all()
    assert np.array_equal(rows.values, before)  # and those that judge are the recorded ones
    assert validation.sum() == 7 * 40


@pytest.mark.parametrize("kind", ["smote", "adasyn", "smote_enn"])
def test_the_control_rows_made_before_the_split_are_seen_to_leak(kind):
    rows = table()

    everything = balanced(told(kind, ratio=0.5), Shown(rows.values, rows.label, None))

    taint = everything.rows[:, TAINT]
    assert ((taint > 0) & (taint < 1)).sum() > 10  # made of a row that trains and one that judges


def test_the_control_rows_drawn_twice_before_the_split_are_seen_on_both_sides():
    rows = table()

    everything = balanced(told("random_over", ratio=0.5), Shown(rows.values, rows.label, None))

    side = np.random.default_rng(0).random(len(everything.rows)) < 0.5
    one, other = ({row.tobytes() for row in everything.rows[of]} for of in (side, ~side))
    assert len(one & other) > 10


@pytest.mark.parametrize("kind", sorted(RESAMPLE - {"smote_enn", "adasyn"}))
@pytest.mark.parametrize("ratio", [0.25, 1.0])
def test_afterwards_there_are_as_many_anomalies_as_the_ratio_says(kind, ratio):
    after = balanced(told(kind, ratio=ratio), shown())

    anomalies = int((after.label == 1).sum())
    assert anomalies == pytest.approx(ratio * (len(after.label) - anomalies), abs=1)


def test_adasyn_comes_near_the_ratio_and_cleaning_takes_rows_away():
    adasyn, smote, cleaned = (balanced(told(kind, ratio=0.5), shown()) for kind in ("adasyn", "smote", "smote_enn"))

    assert (adasyn.label == 1).sum() == pytest.approx(0.5 * (adasyn.label == 0).sum(), rel=0.1)
    assert 0 < len(cleaned.label) < len(smote.label)


@pytest.mark.parametrize("kind", sorted(RESAMPLE))
def test_a_row_that_is_kept_keeps_its_numbers_and_its_weight(kind):
    before = shown(weight=True)
    weight_of = dict(zip((row.tobytes() for row in before.rows), before.weight, strict=True))

    after = balanced(told(kind, ratio=0.5), before)

    kept = [(row.tobytes(), weight) for row, weight in zip(after.rows, after.weight, strict=True)]
    kept = [(row, weight) for row, weight in kept if row in weight_of]
    assert len(kept) > 100
    assert all(weight == weight_of[row] for row, weight in kept)


def test_a_new_row_lies_between_two_anomalies_that_are_near_in_every_column():
    before = shown()
    anomalies = before.rows[before.label == 1]
    usual = (before.label == 0).sum()

    after = balanced(told("smote", neighbours=1), before)

    new = after.rows[len(before.rows) :]
    assert len(new) == usual - len(anomalies)
    spread = before.rows.std(axis=0)
    scaled, parents = new / spread, anomalies / spread
    apart = np.linalg.norm(scaled[:, None] - parents[None], axis=2)
    nearest = np.sort(np.linalg.norm(parents[:, None] - parents[None], axis=2), axis=1)[:, 1]
    assert (np.sort(apart, axis=1)[:, 0] <= nearest.max()).all()
    assert (new >= anomalies.min(axis=0) - 1e-6 * spread).all()
    assert (new <= anomalies.max(axis=0) + 1e-6 * spread).all()


def test_class_weights_let_both_kinds_weigh_as_the_ratio_says_whatever_rows_weighed_before():
    before = shown(weight=True)

    after = balanced(told("class_weights", ratio=0.5), before)

    anomalies = after.label == 1
    assert after.weight[anomalies].sum() == pytest.approx(0.5 * after.weight[~anomalies].sum())
    assert np.array_equal(after.weight[~anomalies], before.weight[~anomalies])
    assert np.array_equal(after.rows, before.rows)


def test_a_share_of_the_usual_rows_weighs_the_more_only_where_nothing_is_resampled():
    rows = table()

    plain, under = (trained(recipe(kind, usual_share=0.5), rows) for kind in ("none", "random_under"))

    assert set(plain.weight) == {1.0, 2.0}
    assert under.weight is None


def test_what_can_not_be_is_refused_with_the_method_the_nearest_one_and_the_cure():
    with pytest.raises(Refused, match="no method 'smot' against imbalance; did you mean 'smote'"):
        balanced(told("smot"), shown())
    with pytest.raises(Refused, match="imbalance smote, ratio 1, on 3 anomalies of 30 rows: Expected n_neighbors"):
        balanced(told("smote"), shown(30))
    with pytest.raises(Refused, match=r"imbalance random_under, ratio 0\.05, on 90 anomalies of 900 rows"):
        balanced(told("random_under", ratio=0.05), shown())


def test_every_method_is_in_the_shelf_by_the_name_of_its_field():
    assert set(imbalance.METHODS) == {
        "none",
        "class_weights",
        "random_under",
        "random_over",
        "smote",
        "adasyn",
        "smote_enn",
    }
