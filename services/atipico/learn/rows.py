"""The rows of a job over recorded samples, made by the very code that makes them live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from atipico.errors import Refused
from atipico.features.block import NO_LABELS, Labels
from atipico.features.plan import Plan
from atipico.features.spec import LabelSpec
from atipico.registry.jobs import Job

BLOCK = 4096  # samples


def job_rows(
    job: Job,
    times: np.ndarray,
    columns: Mapping[str, np.ndarray],
    series: Sequence[str],
    truth: np.ndarray | None = None,
) -> np.ndarray:
    """The features of samples in their order, float64 (m, k): what a live job would have sent to its model.

    times: int64 (m,), ns, growing, as the job's clock is. columns: each field that the job needs, (m,). series: the
    group of tags of each sample. truth: the label of each, (m,), which a job with labels gets when it is due. Raises
    Refused when a sample would have been refused.
    """
    plan, parts = Plan(job.features, job.clock, job.labels), []
    labels = _Due(job.labels, times, columns, truth) if job.labels and truth is not None else None
    for start in range(0, len(times), BLOCK):
        block = slice(start, start + BLOCK)
        made = plan.rows(
            times[block],
            series[block],
            {name: columns[name][block] for name in plan.needs},
            labels.between(start, start + BLOCK) if labels else NO_LABELS,
        )
        if made.refused:
            at, why = next(iter(made.refused.items()))
            raise Refused(f"job {job.name}: sample {start + at} of the training is refused: {why}")
        parts.append(made.values)
    return np.concatenate(parts)


class _Due:
    """The labels of samples, each with the first sample that comes when it is due."""

    def __init__(
        self, spec: LabelSpec, times: np.ndarray, columns: Mapping[str, np.ndarray], truth: np.ndarray
    ) -> None:
        self._ids, self._truth = columns[spec.id], truth
        self._before = np.searchsorted(times, times + spec.delay)

    def between(self, start: int, stop: int) -> Labels:
        here = slice(*np.searchsorted(self._before, [start, stop]))
        before = (self._before[here] - start).tolist()
        return Labels(self._ids[here].tolist(), self._truth[here].astype(float).tolist(), before)
