"""A recorded file as the table that a model is trained on: made by the very code that makes features live."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from atipico.config import nanoseconds
from atipico.errors import Refused, nearest
from atipico.features.block import NO_LABELS, Column, Labels
from atipico.features.plan import Plan
from atipico.learn.calendar import DAY, Span
from atipico.learn.recipe import Recipe
from atipico.registry.jobs import Job
from atipico.sources.file import File, Whole

BLOCK = 65_536  # rows worked on at once


class Table(NamedTuple):
    """Rows in the order of the file. time: int64 (n,), ns on the stream's clock. label: int8, 1, 0 or -1 for unknown.

    keys: field -> int64 (n,), equal for equal keys. values: float64 (n, k), NaN where a row is refused.
    kind: text (n,), what kind of anomaly; None where nothing tells it. days: those that the file has.
    label_delay: ns. shape: the hash of the features, as a checkpoint has it.
    """

    time: np.ndarray
    day: np.ndarray
    label: np.ndarray
    keys: dict[str, np.ndarray]
    columns: tuple[str, ...]
    values: np.ndarray
    kind: np.ndarray | None
    days: Span
    label_delay: int
    shape: str

    @property
    def scorable(self) -> np.ndarray:
        """Which rows would get a score, bool (n,)."""
        found: np.ndarray = np.isfinite(self.values).all(axis=1)
        return found


def table_of(recipe: Recipe, job: Job, file: str, step: Callable[[int], object] = lambda rows: None) -> Table:
    """The table of a file; `step` gets the size of each block of rows that is done.

    Raises Refused when file, job and recipe do not fit together, and for a file without a label.
    """
    if not job.features:
        raise Refused(f"job {job.name} has a detector and no features; name the job that declares them")
    source, plan = File(file, recipe.dataset), Plan(job.features, job.clock, job.labels)
    kept = [at for at, name in enumerate(plan.columns) if name not in recipe.leave_out]
    if unknown := [name for name in recipe.leave_out if name not in plan.columns]:
        raise Refused(f"leave_out: job {job.name} has no feature {unknown[0]!r}{nearest(unknown[0], plan.columns)}")
    keys = [key for key in dict.fromkeys([recipe.test.key, recipe.train.drop_known]) if key]
    if unknown := [key for key in keys if key not in source.fields]:
        raise Refused(f"{file} has no field {unknown[0]!r}{nearest(unknown[0], source.fields)}")
    whole = source.whole(list(dict.fromkeys([*plan.needs, *keys])))
    if not (whole.label >= 0).any():
        raise Refused(f"{file} has no label; its dataset.toml needs [label] column, and the file truths in it")
    delay = nanoseconds(recipe.label_delay) if recipe.label_delay else _delay(source, job)
    time = np.ma.filled(whole.fields["event_time"], -1)
    day = time // DAY
    label = np.where(time < 0, -1, whole.label).astype(np.int8)
    return Table(
        time,
        day,
        label,
        {key: np.unique(np.ma.filled(whole.fields[key], -1), return_inverse=True)[1] for key in keys},
        tuple(plan.columns[at] for at in kept),
        _features(plan, job, whole, _Heard.told(time, label, delay), step)[:, kept],
        whole.kind,
        Span(int(day[time >= 0].min()), int(day.max()) + 1),
        delay,
        plan.shape,
    )


def _delay(source: File, job: Job) -> int:
    """How long after its sample a label counts, ns: when the data have it, and the job takes it."""
    return max(source.label_delay, job.labels.delay if job.labels else 0)


class _Heard(NamedTuple):
    """Labels in the order in which they come. of: the row that one is of. before: the row that it comes before."""

    of: np.ndarray
    before: np.ndarray
    label: np.ndarray

    @classmethod
    def told(cls, time: np.ndarray, label: np.ndarray, delay: int) -> _Heard:
        """Each comes before the first row whose clock, or that of one before it, is `delay` behind its own row's."""
        rows = np.flatnonzero(label >= 0)
        before = np.searchsorted(np.maximum.accumulate(time), time[rows] + delay)
        before = np.maximum(before, rows + 1)
        order = np.argsort(before, kind="stable")
        return cls(rows[order], before[order], label[rows[order]].astype(np.float64))

    def within(self, start: int, stop: int, ids: np.ndarray) -> Labels:
        """Those that come within a block of rows, with the ids of their samples."""
        first, last = np.searchsorted(self.before, [start, stop])
        here = slice(first, last)
        return Labels(ids[self.of[here]].tolist(), self.label[here].tolist(), (self.before[here] - start).tolist())


def _features(plan: Plan, job: Job, whole: Whole, heard: _Heard, step: Callable[[int], object]) -> np.ndarray:
    """The features of all rows, float64 (n, k): what a live job would have made of them, block by block."""
    many = len(whole.label)
    ticks = np.arange(many) if plan.clock else np.ma.filled(whole.fields["event_time"], -1)
    parts: list[np.ndarray] = []
    for start in range(0, many, BLOCK):
        block = slice(start, start + BLOCK)
        columns = {name: _column(whole.fields[name][block]) for name in plan.needs}
        labels = heard.within(start, min(start + BLOCK, many), whole.fields[job.labels.id]) if job.labels else NO_LABELS
        parts.append(plan.rows(ticks[block], whole.series[block].tolist(), columns, labels).values)
        step(len(parts[-1]))
    return np.concatenate(parts)


def _column(cells: np.ndarray) -> Column:
    """Numbers as they are; what has no value in places, or is no number, as a list with None."""
    plain = not np.ma.isMaskedArray(cells) and cells.dtype.kind in "fi"
    return cells if plain else cells.tolist()
