"""One training: the estimators of a recipe on the rows that its split lets train, and the threshold that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn import estimators, threshold
from atipico.learn.calendar import Span
from atipico.learn.estimators import Member
from atipico.learn.recipe import Recipe, days
from atipico.learn.split import Split, ends_at, split, trains, waits
from atipico.learn.table import Table

Say = Callable[[str], None]


class Fitted(NamedTuple):
    """members: trained. rows: int (n,), the rows of the table that trained them."""

    members: list[Member]
    rows: np.ndarray
    split: Split


def fit(recipe: Recipe, table: Table, made: Split, members: Sequence[Member], say: Say) -> Fitted:
    """Train fresh copies of `members`. Raises Refused when no row of the split's days may train."""
    from sklearn.base import clone

    rows = np.flatnonzero(trains(recipe, table, made))
    if not len(rows):
        raise Refused(f"no row of {made.train} has a label and a score; the data are of {table.days}")
    fresh = [member._replace(estimator=clone(member.estimator)) for member in members]
    trained = []
    for member in estimators.train(fresh, table.values[rows], table.label[rows], weights(recipe, table, made, rows)):
        say(f"  {member.name}: {len(rows)} rows of {made.train}")
        trained.append(member)
    return Fitted(trained, rows, made)


def weights(recipe: Recipe, table: Table, made: Split, rows: np.ndarray) -> np.ndarray | None:
    """How much each row counts in training, float64 (n,); None when all count alike."""
    told, half_life = recipe.train, days(recipe.train.half_life)
    if half_life is None and told.anomaly_weight == told.usual_share == 1.0:
        return None
    age = made.train.stop - 1 - table.day[rows]
    weight = 0.5 ** (age / half_life) if half_life else np.ones(len(rows))
    found: np.ndarray = weight * np.where(table.label[rows] == 1, told.anomaly_weight, 1 / told.usual_share)
    return found


def threshold_of(
    recipe: Recipe, table: Table, fitted: Fitted, members: Sequence[Member], say: Say
) -> tuple[float, str]:
    """The threshold of a training, and what days it was judged on: none that trained what is judged.

    A budget needs no label, so the days between the training and its model do. A cost needs labels, and where the data
    end with the training there are no such days: then a training that ends earlier is judged on what it left.
    """
    wanted, gap = recipe.threshold, Span(fitted.split.gap.start, min(fitted.split.gap.stop, table.days.stop))
    if wanted.alerts_per_day is not None and gap.start < gap.stop:
        return _judged(recipe, table, fitted, gap), str(gap)
    kept = recipe.test.days  # of the training's last days
    try:
        before = split(ends_at(recipe, fitted.split), table, kept + (waits(table) if wanted.cost is not None else 0))
    except Refused as error:
        raise Refused(
            f"no threshold: it needs {kept} days of {fitted.split.train} that do not train: {error}"
        ) from error
    span = Span(fitted.split.train.stop - kept, fitted.split.train.stop)
    say(f"  for the threshold, on {span}, trained on {before.train}")
    return _judged(recipe, table, fit(recipe, table, before, members, say), span), f"{span}, trained on {before.train}"


def _judged(recipe: Recipe, table: Table, fitted: Fitted, span: Span) -> float:
    rows = np.flatnonzero(span.has(table.day) & table.scorable)
    scores, _ = estimators.scores_of(fitted.members, table.values[rows])
    if (cost := recipe.threshold.cost) is None:
        return threshold.by_budget(scores, table.day[rows], recipe.threshold.alerts_per_day or 0)
    known = table.label[rows] >= 0
    return threshold.by_cost(scores[known], table.label[rows][known], cost.missed, cost.false_alert)
