"""One training: the estimators of a recipe on the rows that its split lets train, and the threshold that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn import estimators, imbalance, quality, threshold
from atipico.learn.calendar import DAY, Span
from atipico.learn.combine import CALIBRATIONS, Stacking
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.imbalance import Shown
from atipico.learn.recipe import Recipe
from atipico.learn.split import Split, before, judged, trains, waits
from atipico.learn.table import Table

Say = Callable[[str], None]


class Fitted(NamedTuple):
    """ensemble: of trained members. rows: int (n,), the rows of the table that trained them."""

    ensemble: Ensemble
    rows: np.ndarray
    split: Split


def fit(recipe: Recipe, table: Table, made: Split, members: Sequence[Member], say: Say) -> Fitted:
    """Train fresh copies of `members`, and what makes them one score where that is learnt too.

    Raises Refused when no row of the split may train.
    """
    fitted = _trained(recipe, table, made, members, say)
    told = recipe.train.ensemble
    if told.kind == "average" and told.calibrate == "none":
        return fitted
    apart, label = _held_out(recipe, table, made, members, say)
    ensemble = fitted.ensemble
    if told.kind == "stacking":
        ensemble = ensemble._replace(stacking=Stacking.learn(apart, label))
    if told.calibrate != "none":
        ensemble = ensemble._replace(calibration=CALIBRATIONS[told.calibrate].learn(ensemble.combined(apart), label))
    return fitted._replace(ensemble=ensemble)


def _trained(recipe: Recipe, table: Table, made: Split, members: Sequence[Member], say: Say) -> Fitted:
    from sklearn.base import clone

    rows = np.flatnonzero(trains(recipe, table, made))
    if not len(rows):
        raise Refused(f"no row of {made.train} has a label and a score; the data are of {table.span}")
    shown = Shown(table.values[rows], table.label[rows], weights(recipe, table, made, rows))
    shown = imbalance.balanced(recipe.train.imbalance, shown)
    fresh = [member._replace(estimator=clone(member.estimator)) for member in members]
    trained = []
    for member in estimators.train(fresh, *shown):
        say(f"  {member.name}: {len(rows)} rows of {made.train}{_after(recipe, shown)}")
        trained.append(member)
    return Fitted(Ensemble(trained), rows, made)


def _after(recipe: Recipe, shown: Shown) -> str:
    if recipe.train.imbalance.kind not in imbalance.RESAMPLE:
        return ""
    return (
        f", {len(shown.label)} after {recipe.train.imbalance.kind}, {int((shown.label == 1).sum())} of them anomalies"
    )


def _held_out(
    recipe: Recipe, table: Table, made: Split, members: Sequence[Member], say: Say
) -> tuple[np.ndarray, np.ndarray]:
    """What each member of an earlier training gives to the end of this one, float64 (n, members), and labels."""
    span, kept = _end_of(made.train, recipe, recipe.train.ensemble.span)
    try:
        earlier = before(recipe, table, made, kept + waits(table))
        say(f"  for how they become one score, on {span}, trained on {earlier.train}")
        fitted = _trained(recipe, table, earlier, members, say)
    except Refused as error:
        raise Refused(
            f"train.ensemble: {span} must teach it, and train no estimator: {error}; "
            "give a shorter span in [train.ensemble] or more data"
        ) from error
    rows = np.flatnonzero(judged(recipe, table, Split(earlier.train, earlier.gap, span)))
    _, apart = fitted.ensemble.scores(table.values[rows])
    return np.column_stack(list(apart.values())), table.label[rows]


def _end_of(train: Span, recipe: Recipe, lasts: str) -> tuple[Span, int]:
    """The end of a training that lasts "7d", and how many periods that is."""
    kept = recipe.periods(lasts)
    return train._replace(start=train.stop - kept), kept


def weights(recipe: Recipe, table: Table, made: Split, rows: np.ndarray) -> np.ndarray | None:
    """How much each row counts in training, float64 (n,); None when all count alike.

    Usual rows of which only a share trains weigh the more, but where resampling tells how many of them there shall be.
    """
    told, half_life = recipe.train, recipe.train.half_life
    share = 1.0 if recipe.train.imbalance.kind in imbalance.RESAMPLE else told.usual_share
    if half_life is None and told.anomaly_weight == share == 1.0:
        return None
    age = made.train.stop - 1 - table.period[rows]
    weight = 0.5 ** (age / recipe.periods(half_life)) if half_life else np.ones(len(rows))
    found: np.ndarray = weight * np.where(table.label[rows] == 1, told.anomaly_weight, 1 / share)
    return found


def free_gap(recipe: Recipe, table: Table, made: Split) -> Span | None:
    """What the data have of a gap, where a threshold can be found on it; None where it can't."""
    gap = made.gap._replace(stop=min(made.gap.stop, table.ends))
    enough = (gap.stop - gap.start) * gap.length >= DAY and gap.has(table.period).any()
    return gap if enough and recipe.threshold.cost is None else None


def threshold_of(
    recipe: Recipe, table: Table, fitted: Fitted, members: Sequence[Member], say: Say
) -> tuple[float, str]:
    """The threshold of a training, and what time it was judged on: none that trained what is judged.

    A budget needs no label, so the time between the training and its model does, where that is a day at least. A cost
    needs labels, and where labels come soon or the data end with the training there is no such time: then a training
    that ends earlier is judged on what it left.
    """
    made, wanted = fitted.split, recipe.threshold
    if (gap := free_gap(recipe, table, made)) is not None:
        return _judged(recipe, table, fitted, gap, say), str(gap)
    span, kept = _end_of(made.train, recipe, recipe.test.span)
    try:
        earlier = before(recipe, table, made, kept + (waits(table) if wanted.cost is not None else 0))
    except Refused as error:
        raise Refused(f"no threshold: it needs {span}, which then does not train: {error}") from error
    told = f"{span}, trained on {earlier.train}"
    say(f"  for the threshold, on {told}")
    return _judged(recipe, table, fit(recipe, table, earlier, members, say), span, say), told


def _judged(recipe: Recipe, table: Table, fitted: Fitted, span: Span, say: Say) -> float:
    rows = np.flatnonzero(span.has(table.period) & table.scorable)
    if not len(rows):
        raise Refused(f"no threshold: {span} has no sample to find it on; give more data")
    scores, _ = fitted.ensemble.scores(table.values[rows])
    if (cost := recipe.threshold.cost) is None:
        most = (recipe.threshold.alerts_per_day or 0) * recipe.length // DAY
        found = threshold.by_budget(scores, table.period[rows], most)
        if (many := max(quality.alerts(scores, table.period[rows], found, span))) > most:
            say(f"warning: {many} samples of one period have the score 1, of {most} that may raise an alert")
        return found
    known = table.label[rows] >= 0
    return threshold.by_cost(scores[known], table.label[rows][known], cost.missed, cost.false_alert)
