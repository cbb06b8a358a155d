"""The features that a recorded file's samples had when they came: rows of a job, picked by their id."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from atipico.engines.choose import check_fit
from atipico.engines.replay import blocks_of
from atipico.errors import Refused
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.registry.jobs import Job
from atipico.registry.models import Model
from atipico.sources.file import File


def rows_of(
    source: File, job: Job, model: Model, ids: Collection[str], warn: Callable[[str], object] | None = None
) -> tuple[list[str], np.ndarray]:
    """The samples of those ids in the file's order, and their features, float64 (m, k), as the model takes them.

    Earlier rows fill the windows, labels come when they are due, as in a replay. A file without ids is picked from by
    row number, 0 the first. warn: is told when a file has no labels for a job that looks at some; without it that is
    refused. Raises Refused when an id is not in the file, or a sample of it has no features.
    """
    plan = Plan(job.features, job.clock, job.labels)
    check_fit(job, plan.needs, model, source)
    every, _, blocks = blocks_of(source, job, plan, None, warn)
    names = list(map(str, every.tolist()))
    at = np.array([row for row, name in enumerate(names) if name in ids], dtype=np.int64)
    if missing := set(ids) - {names[row] for row in at.tolist()}:
        raise Refused(f"{source.path}: no sample {', '.join(sorted(missing))} in {source.id_column or 'its rows'}")
    columns = [plan.columns.index(name) for name in model.columns]
    found = []
    for block in blocks.of(0, int(at.max(initial=-1)) + 1):
        made = plan.rows(block.times, block.groups, block.columns, Labels(*block.labels))
        for row in at[(at >= block.rows.start) & (at < block.rows.stop)].tolist():
            if refused := made.refused.get(row - block.rows.start):
                raise Refused(f"sample {names[row]} has no features: {refused}")
            found.append(made.values[row - block.rows.start, columns])
    return [names[row] for row in at.tolist()], np.array(found)
