"""A recorded file through the chain's own code, in one process, no store: features, labels when due, model, words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from atipico.agent.work import judged, knowledge
from atipico.detectors.watch import Watch
from atipico.engines.choose import EVENT_TIME, check_fit, delayed, lacks_labels
from atipico.engines.replay_point import Point, hash_of
from atipico.errors import Refused
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.registry.jobs import Job
from atipico.registry.models import Model
from atipico.registry.scorer import ModelScorer
from atipico.sources.blocks import Block, Blocks, Column
from atipico.sources.file import File
from atipico.wire.sample import Score, Value

BLOCK = 16_384  # rows worked on at once; with more it is hardly faster and takes more memory


class Out(Protocol):
    """Takes what is told, some rows at a time. times: ns, int64; both are masked where there is none."""

    def put(self, ids: np.ndarray, times: np.ndarray, scores: Sequence[Score]) -> None: ...


class Summary(NamedTuple):
    """rows: told. read: worked on. unscored: those told without a score."""

    job: str
    version: str
    read: int
    rows: int
    anomalous: int
    unscored: int
    seconds: float


class Span(NamedTuple):
    """Which rows are told, by their own time in ns: from `start` on, before `stop`; None: no bound."""

    start: int | None = None
    stop: int | None = None

    def holds(self, own: np.ndarray) -> np.ndarray:
        """Which of these times are within, bool (n,); one that is masked only where there is no bound."""
        if self.start is None and self.stop is None:
            return np.ones(len(own), dtype=bool)
        held = ~np.ma.getmaskarray(own)
        if self.start is not None:
            held &= np.ma.getdata(own) >= self.start
        if self.stop is not None:
            held &= np.ma.getdata(own) < self.stop
        return held


EVERYTHING = Span()


def replay(
    source: File,
    job: Job,
    model: Model | None,
    outs: Sequence[Out],
    span: Span = EVERYTHING,
    label_delay: int | None = None,
    warn: Callable[[str], object] | None = None,
    begin: Point | None = None,
    keep: bool = False,
    step: Callable[[int], object] = lambda rows: None,
) -> tuple[Summary, Point | None]:
    """Work on the rows of a file in their order and give the outcomes of those in `span` to each of `outs`.

    Rows before them fill the windows; those behind the last of them are left alone. A label comes `label_delay` ns
    after its sample on the file's clock: the data set's own delay, or the job's where that is more, unless given.
    warn: is told when a file has no labels for a job that looks at some; without it that is refused. model: the
    job's; None where it has a detector. begin: a point to go on from, behind the rows it has told. keep: whether the
    point behind the last row told here is returned. step: gets each block's size. Raises Refused before the first row
    when file, job and model do not fit together.
    """
    begun = time.monotonic()
    if label_delay is not None:
        job = delayed(job, label_delay)
    known, scorer = knowledge(job), ModelScorer(model) if model else None
    check_fit(job, known.needs, model, source)
    ids, own, blocks = blocks_of(source, job, known, label_delay, warn)
    told = span.holds(own)
    if begin:
        _go_on(known, begin, own, told, span, source)
    first, before = (begin.first, begin.told) if begin else (0, 0)
    end = int(told.nonzero()[0].max(initial=before - 1)) + 1
    count = _Count(outs)
    count.put(ids[:0], own[:0], [])
    mark, kept = end // BLOCK * BLOCK, None
    stop = min(len(own), -(-end // BLOCK) * BLOCK)
    for block in blocks.of(first, stop, BLOCK):
        if block.rows.start == mark and keep:
            kept = known.save()
        mine = told[block.rows]
        scores = _worked(known, scorer, block, bool(mine.any()))
        if scores:
            of = mine.nonzero()[0]
            count.put(ids[block.rows][of], own[block.rows][of], [scores[at] for at in of.tolist()])
        step(len(mine))
    point = Point(end, mark, hash_of(own[:end]), kept or known.save()) if keep else None
    version = model.id if model else job.detector.version if job.detector else ""
    return Summary(job.name, version, stop - first, *count.told, round(time.monotonic() - begun, 3)), point


def blocks_of(
    source: File, job: Job, known: Plan | Watch, label_delay: int | None, warn: Callable[[str], object] | None
) -> tuple[np.ndarray, np.ndarray, Blocks]:
    """The name and the own time of each row, and all rows in blocks."""
    named = [source.id_field] if source.id_field else []
    whole = source.whole([*known.needs, *named], kinds=False)
    if wrong := lacks_labels(job, source, whole.label):
        if warn is None:
            raise Refused(wrong)
        warn(wrong)
    own = whole.fields[EVENT_TIME]
    ids = whole.fields[source.id_field] if source.id_field else np.arange(len(own))
    if label_delay is None:
        label_delay = max(source.label_delay, job.labels.delay if job.labels else 0)
    return ids, own, Blocks(whole, known.needs, job.clock, job.labels and job.labels.id, label_delay)


def _go_on(known: Plan | Watch, begin: Point, own: np.ndarray, told: np.ndarray, span: Span, source: File) -> None:
    """Remember what a point holds; what it told is not told again. Raises Refused where the span begins before it."""
    begin.check(own, source.path)
    missed = int(told[: begin.told].sum())
    if span.start is not None and missed:
        raise Refused(f"the checkpoint lies behind {missed} rows of those to be told; leave it out, or begin later")
    told[: begin.told] = False
    known.restore(begin.state)


def _worked(known: Plan | Watch, scorer: ModelScorer | None, block: Block, tell: bool) -> Sequence[Score]:
    """The outcomes of a block of rows; none where they are not to be told and only fill the windows."""
    if isinstance(known, Plan) and not tell:
        known.rows(block.times, block.groups, block.columns, Labels(*block.labels))
        return ()
    columns = {name: _listed(column) for name, column in block.columns.items()}
    return judged(known, scorer, block.times.tolist(), block.groups, columns, Labels(*block.labels)).scores


def _listed(column: Column) -> Sequence[Value | None]:
    return column.tolist() if isinstance(column, np.ndarray) else column


class _Count:
    """Hands outcomes on and counts them. told: how many, how many of them anomalous, how many not scored."""

    def __init__(self, outs: Sequence[Out]) -> None:
        self._outs, self.told = outs, (0, 0, 0)

    def put(self, ids: np.ndarray, times: np.ndarray, scores: Sequence[Score]) -> None:
        for out in self._outs:
            out.put(ids, times, scores)
        rows, anomalous, unscored = self.told
        anomalous += sum(one.anomalous for one in scores)
        unscored += sum(not one.scored for one in scores)
        self.told = rows + len(scores), anomalous, unscored
