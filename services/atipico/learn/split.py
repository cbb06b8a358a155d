"""Time-aware: what trains, what is left out meanwhile, and what the model is judged on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn.calendar import DAY, Span, date_of, day_of
from atipico.learn.recipe import Recipe
from atipico.learn.table import Table


class Split(NamedTuple):
    """train: what trains. gap: the time after it, until its last label is known and the model is made. test: what
    comes then, as far as it is judged."""

    train: Span
    gap: Span
    test: Span


def split(recipe: Recipe, table: Table, earlier: int = 0) -> Split:
    """The recipe's split, or the one so many periods `earlier`; where it names no end, the latest that can be judged.

    Raises Refused where nothing is left to train on.
    """
    to = recipe.train.to
    if to is None:
        stop = table.ends - waits(table) - recipe.periods(recipe.test.span)
    else:
        stop = (day_of(to) + 1) * (DAY // recipe.length)
    return _ending(recipe, table, stop - earlier)


def before(recipe: Recipe, table: Table, made: Split, earlier: int) -> Split:
    """The split whose training ends so many periods before that of another. Raises Refused as `split` does."""
    return _ending(recipe, table, made.train.stop - earlier)


def _ending(recipe: Recipe, table: Table, stop: int) -> Split:
    train, has = recipe.train, table.span
    first = has.start + recipe.periods(train.warm_up)
    if train.window is not None:
        first = max(first, stop - recipe.periods(train.window))
    if train.start is not None:
        first = max(first, day_of(train.start) * (DAY // recipe.length))
    if first >= stop:
        cure = "a later --train-to" if train.to else f'a shorter test.span than "{recipe.test.span}"'
        raise Refused(
            f"nothing left to train on: the data are of {has}, training would begin {has.moment(first)} (warm_up = "
            f'"{train.warm_up}") and end before {has.moment(stop)}; give more data, or {cure}'
        )
    if stop > has.stop:
        last = has.stop * has.length // DAY - 1  # the last day that is there to its end
        cure = (
            f"give --train-to {date_of(last)} at the latest" if (last + 1) * DAY > first * has.length else "name no end"
        )
        raise Refused(f"the data are of {has}, training would end before {has.moment(stop)}; {cure}")
    made = stop + waits(table)
    ends = made + recipe.periods(recipe.test.span)
    return Split(*(Span(*both, recipe.length) for both in ((first, stop), (stop, made), (made, ends))))


def waits(table: Table) -> int:
    """How many periods after a period all its labels are known."""
    return -(-table.label_delay // table.span.length)


def trains(recipe: Recipe, table: Table, made: Split) -> np.ndarray:
    """Which rows train, bool (n,): of the span that trains, scorable, their label known when the model is made."""
    known: np.ndarray = (table.label >= 0) & (table.time + table.label_delay <= made.gap.stop * made.gap.length)
    chosen: np.ndarray = known & made.train.has(table.period) & table.scorable
    if recipe.train.drop_known:
        if recipe.train.known_over is None:
            since = np.full(len(table.period), table.span.start)
        else:
            since = table.period - recipe.periods(recipe.train.known_over) + 1
        chosen &= ~known_keys(table, recipe.train.drop_known, since)
    if recipe.train.usual_share < 1:  # the same rows whatever comes behind them
        drawn = np.random.default_rng(0).random(len(table.period))
        chosen &= (table.label == 1) | (drawn < recipe.train.usual_share)
    return chosen


def judged(recipe: Recipe, table: Table, made: Split) -> np.ndarray:
    """Which rows the model is judged on, bool (n,)."""
    test = recipe.test
    chosen: np.ndarray = made.test.has(table.period) & (table.label >= 0) & table.scorable
    if test.key:
        first = table.span.start
        if test.known_over is not None:  # where labels come within a period, some of the training's end are known in it
            whole = table.label_delay % table.span.length == 0
            first = made.gap.stop - recipe.periods(test.known_over) + whole
        chosen &= ~known_keys(table, test.key, np.full(len(table.period), first))
    return chosen


def known_keys(table: Table, key: str, since: np.ndarray) -> np.ndarray:
    """Which rows have a key that was known, when their period began and not before period `since`, to have had an
    anomaly; bool (n,)."""
    code = table.keys[key]
    known_in = -(-(table.time + table.label_delay) // table.span.length)  # the first period that begins with it known
    many = int(known_in.max()) + 2
    anomalies = np.sort((code * many + known_in)[table.label == 1])
    at = np.searchsorted(anomalies, code * many + table.period, side="right") - 1  # the last one known by then
    last = anomalies[np.maximum(at, 0)] if len(anomalies) else np.full(len(code), -1)
    found: np.ndarray = (at >= 0) & (last >= code * many + np.maximum(since, 0))
    return found
