"""Time-aware: what trains, what is left out meanwhile, and what the model is judged on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn.calendar import DAY, Span, date_of, day_of
from atipico.learn.recipe import Recipe, days
from atipico.learn.table import Table


class Split(NamedTuple):
    """train: the days that train. gap: those after, until their last label is known and the model is made. test: what
    comes then, as far as it is judged."""

    train: Span
    gap: Span
    test: Span


def split(recipe: Recipe, table: Table, earlier: int = 0) -> Split:
    """The recipe's split, or the one so many days `earlier`; where it names no end, the latest that can be judged.

    Raises Refused where no day is left to train on.
    """
    latest = table.days.stop - 1 - waits(table) - recipe.test.days
    stop = (latest if recipe.train.to is None else day_of(recipe.train.to)) + 1 - earlier
    first = max(table.days.start + (days(recipe.train.warm_up) or 0), stop - (days(recipe.train.window) or stop))
    if recipe.train.start is not None:
        first = max(first, day_of(recipe.train.start))
    if first >= stop:
        raise Refused(
            f"no day to train on: the data are of {table.days}, training begins {date_of(first)} (warm_up = "
            f'"{recipe.train.warm_up}") and would end {date_of(stop - 1)}; give more data or a later --train-to'
        )
    if stop > table.days.stop:
        last = date_of(table.days.stop - 1)
        raise Refused(
            f"training would end {date_of(stop - 1)}, the data end {last}; give --train-to {last} at the latest"
        )
    made = stop + waits(table)
    return Split(Span(first, stop), Span(stop, made), Span(made, made + recipe.test.days))


def ends_at(recipe: Recipe, made: Split) -> Recipe:
    """The recipe with the end that this split has."""
    train = recipe.train.model_copy(update={"to": date_of(made.train.stop - 1)})
    return recipe.model_copy(update={"train": train})


def waits(table: Table) -> int:
    """How many days after a day all its labels are known."""
    return -(-table.label_delay // DAY)


def trains(recipe: Recipe, table: Table, made: Split) -> np.ndarray:
    """Which rows train, bool (n,): of the days that train, scorable, their label known when the model is made."""
    known: np.ndarray = (table.label >= 0) & (table.time + table.label_delay <= made.gap.stop * DAY)
    chosen: np.ndarray = known & made.train.has(table.day) & table.scorable
    if recipe.train.drop_known:
        over = days(recipe.train.known_over)
        since = table.day - over + 1 if over is not None else np.full(len(table.day), table.days.start)
        chosen &= ~known_keys(table, recipe.train.drop_known, since)
    if recipe.train.usual_share < 1:  # the same rows whatever comes behind them
        chosen &= (table.label == 1) | (np.random.default_rng(0).random(len(table.day)) < recipe.train.usual_share)
    return chosen


def judged(recipe: Recipe, table: Table, made: Split) -> np.ndarray:
    """Which rows the model is judged on, bool (n,)."""
    chosen: np.ndarray = made.test.has(table.day) & (table.label >= 0) & table.scorable
    if recipe.test.key:
        over = days(recipe.test.known_over)
        since = made.gap.stop - over + 1 if over is not None else table.days.start
        chosen &= ~known_keys(table, recipe.test.key, np.full(len(table.day), since))
    return chosen


def known_keys(table: Table, key: str, since: np.ndarray) -> np.ndarray:
    """Which rows have a key of which an anomaly was known on the morning of their day, not before day `since`; (n,)."""
    code = table.keys[key]
    known_on = -(-(table.time + table.label_delay) // DAY)  # the first day that begins with it known
    span = int(known_on.max()) + 2
    anomalies = np.sort((code * span + known_on)[table.label == 1])
    at = np.searchsorted(anomalies, code * span + table.day, side="right") - 1  # the last one known by then
    last = anomalies[np.maximum(at, 0)] if len(anomalies) else np.full(len(code), -1)
    found: np.ndarray = (at >= 0) & (last >= code * span + np.maximum(since, 0))
    return found
