"""The rows of a job over recorded samples, made by the very code that makes them live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from atipico.errors import Refused
from atipico.features.plan import Plan
from atipico.registry.jobs import Job

BLOCK = 4096  # samples


def job_rows(job: Job, times: np.ndarray, columns: Mapping[str, np.ndarray], series: Sequence[str]) -> np.ndarray:
    """The features of samples in their order, float64 (m, k): what a live job would have sent to its model.

    times: int64 (m,), ns. columns: each field that the job needs, (m,). series: the group of tags of
    each sample. Raises Refused when a sample would have been refused.
    """
    plan = Plan(job.features, job.clock)
    parts = []
    for start in range(0, len(times), BLOCK):
        block = slice(start, start + BLOCK)
        made = plan.rows(
            times[block].tolist(), series[block], {name: columns[name][block].tolist() for name in plan.needs}
        )
        if made.refused:
            at, why = next(iter(made.refused.items()))
            raise Refused(f"job {job.name}: sample {start + at} of the training is refused: {why}")
        parts.append(made.values)
    return np.concatenate(parts)
