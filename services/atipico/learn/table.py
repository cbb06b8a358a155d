"""A recorded file as the table that a model is trained on: made by the very code that makes features live."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from atipico.config import nanoseconds
from atipico.errors import Refused, nearest
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.learn.calendar import Span
from atipico.learn.progress import Step
from atipico.learn.recipe import Recipe
from atipico.registry.jobs import Job
from atipico.sources.blocks import Blocks
from atipico.sources.file import File


class Table(NamedTuple):
    """Rows in the order of the file. time: int64 (n,), ns on the stream's clock; period: the one that it lies in.

    label: int8, 1, 0 or -1 for unknown.

    keys: field -> int64 (n,), equal for equal keys. values: float64 (n, k), NaN where a row is refused.
    kind: text (n,), what kind of anomaly; None where nothing tells it. span: that of the file.
    label_delay: ns. shape: the hash of the features, as a checkpoint has it.
    """

    time: np.ndarray
    period: np.ndarray
    label: np.ndarray
    keys: dict[str, np.ndarray]
    columns: tuple[str, ...]
    values: np.ndarray
    kind: np.ndarray | None
    span: Span
    label_delay: int
    shape: str

    @property
    def ends(self) -> int:
        """Before which period the data end; a last one of which less than half is there does not count."""
        last = self.span.stop - 1
        return last + (2 * (int(self.time.max()) - last * self.span.length) >= self.span.length)

    @property
    def scorable(self) -> np.ndarray:
        """Which rows would get a score, bool (n,)."""
        found: np.ndarray = np.isfinite(self.values).all(axis=1)
        return found


def table_of(recipe: Recipe, job: Job, file: str, step: Step = lambda more, total=None: None) -> Table:
    """The table of a file; `step` gets the size of each block of rows that is done, and of the file.

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
    period = time // recipe.length
    label = np.where(time < 0, -1, whole.label).astype(np.int8)
    blocks = Blocks(whole, plan.needs, job.clock, job.labels and job.labels.id, delay)
    matrix = np.empty((len(time), len(kept)))
    _features(plan, blocks, matrix, kept, step)
    return Table(
        time,
        period,
        label,
        {key: np.unique(np.ma.filled(whole.fields[key], -1), return_inverse=True)[1] for key in keys},
        tuple(plan.columns[at] for at in kept),
        matrix,
        whole.kind,
        Span(int(period[time >= 0].min()), int(period.max()) + 1, recipe.length),
        delay,
        plan.shape,
    )


def _delay(source: File, job: Job) -> int:
    """How long after its sample a label counts, ns: when the data have it, and the job takes it."""
    return max(source.label_delay, job.labels.delay if job.labels else 0)


def _features(plan: Plan, blocks: Blocks, matrix: np.ndarray, kept: list[int], step: Step) -> None:
    """Write the kept features of all rows, float64 (n, k): what a live job would have made of them, block by block."""
    for block in blocks.of():
        rows = plan.rows(block.times, block.groups, block.columns, Labels(*block.labels))
        matrix[block.rows] = rows.values[:, kept]
        step(len(rows.values), len(matrix))
