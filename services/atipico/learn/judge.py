"""One model, or one for each of several spans, on what comes after its training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn import estimators, quality
from atipico.learn.calendar import Span
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.fit import fit, threshold_of
from atipico.learn.recipe import Recipe
from atipico.learn.split import Split, before, judged
from atipico.learn.table import Table


class Judged(NamedTuple):
    """told: figures of the average, and of each estimator where there are several. scores, label: of those judged."""

    told: dict[str, Any]
    scores: np.ndarray
    label: np.ndarray


def judge(recipe: Recipe, table: Table, made: Split, ensemble: Ensemble, threshold: float) -> Judged:
    """Judge a trained ensemble on the test of a split. Raises Refused where it has nothing to judge on.

    Alerts are all that the test would have had, also of keys that are known and not judged. What the data do not have
    of the test is not counted.
    """
    test, there = recipe.test, np.flatnonzero(made.test.has(table.period) & table.scorable)
    among = judged(recipe, table, made)[there]
    if not among.any():
        raise Refused(f"no sample of {made.test} has a label, a score and a key that was not known before")
    rows, span = there[among], seen(table, made)
    keys = table.keys[test.key][rows] if test.key else None
    kind = None if table.kind is None else table.kind[rows]
    score, apart = ensemble.scores(table.values[there])

    def told(scores: np.ndarray) -> quality.Figures:
        alerts = quality.alerts(scores, table.period[there], threshold, span)
        periods, label = table.period[rows], table.label[rows]
        return quality.figures(scores[among], label, periods, span, keys, test.k, threshold, kind, alerts)

    by_estimator = {name: told(scores) for name, scores in apart.items()} if len(apart) > 1 else {}
    return Judged({"average": told(score), "by_estimator": by_estimator}, score[among], table.label[rows])


def seen(table: Table, made: Split) -> Span:
    """As much of a test as the data have."""
    return made.test._replace(stop=min(made.test.stop, table.span.stop))


def tried(
    recipe: Recipe, table: Table, made: Split, members: Sequence[Member] | None = None
) -> tuple[Ensemble, Judged]:
    """A recipe trained and judged on a split, without a threshold: to compare. members: its own unless given."""
    told = estimators.members_of(recipe) if members is None else members
    ensemble = fit(recipe, table, made, told, lambda line: None).ensemble
    return ensemble, judge(recipe, table, made, ensemble, 1.0)


def earlier_spans(
    recipe: Recipe, table: Table, made: Split, members: Sequence[Member], say: Callable[[str], None]
) -> list[quality.Figures]:
    """The same judged on earlier spans, as many as the recipe asks for, each with a training of its own."""
    found = []
    for number in range(1, recipe.test.spans):
        try:
            earlier = before(recipe, table, made, number * recipe.periods(recipe.test.span))
            fitted = fit(recipe, table, earlier, members, say)
            threshold, _ = threshold_of(recipe, table, fitted, members, say)
        except Refused as error:
            say(f"warning: judged on {number} of {recipe.test.spans} spans: {error}")
            break
        found.append(judge(recipe, table, earlier, fitted.ensemble, threshold).told["average"])
    return found
