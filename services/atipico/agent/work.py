"""What the agent does with a block of points: features or windows, scores, answers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from atipico.agent.checkpoints import Checkpoints
from atipico.agent.labels import Labels as WaitingLabels
from atipico.agent.reached import Reached
from atipico.agent.why import Why
from atipico.detectors.watch import Watch
from atipico.errors import Refused
from atipico.features.block import NO_LABELS, Labels, Rows
from atipico.features.plan import Plan
from atipico.metrics import REFUSED, dealt_with
from atipico.pace import Pace
from atipico.ports import Judged, ModelInfo, Scored, Scorer
from atipico.registry.jobs import ENGINES, Job
from atipico.scorers.http import Swapped
from atipico.wire.points import AnswerWriter, Late, PointBlock, late_mark, read_points
from atipico.wire.sample import Score, Value
from atipico.wire.snapshot import Snapshot

log = structlog.get_logger("agent")


class SumWork:
    """All fields of every point, whatever they are; the score is what the scorer makes of the numbers."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self._writer = scorer, AnswerWriter()

    def answers(self, points: Sequence[bytes]) -> list[bytes]:
        block = _read(points, None)
        return _answers(block, outcomes(_all_numbers(block), self._scorer, None), self._writer)

    def snapshot(self) -> bytes:
        return b""

    def restore(self, snapshot: bytes) -> None:
        """Nothing is remembered from one sample to the next."""

    def end(self) -> None:
        """Nobody waits for this connection's end."""

    def reached(self) -> Mapping[str, int]:
        """Nothing is remembered."""
        return {}


class JobWork:
    """A job: what it knows, and the scorer of its model. The state belongs to the job, not to a connection."""

    def __init__(self, job: Job, checkpoints: Checkpoints) -> None:
        self.job, self._known = job, knowledge(job, checkpoints.folder)
        self._checkpoints, self._writer = checkpoints, AnswerWriter()
        self.live = False  # whether a sample entered since the process started
        self.reached = Reached() if job.engine != ENGINES[0] else None
        self.labels = WaitingLabels(job.labels.stream) if job.labels else None
        self._saved = b""  # the newest snapshot, while nothing entered since
        self.told_sweeper, self.swept_at = b"", float("-inf")

    def remembers(self, job: Job) -> bool:
        """Whether what is remembered serves this job too: another model does, other features or detectors do not."""
        mine = self.job
        shape, other = ([one.features, one.labels, one.detector, one.clock, one.every] for one in (mine, job))
        return shape == other

    def answers(self, points: Sequence[bytes], scorer: Scorer | None, tell_late: bool = False) -> list[bytes]:
        """One answer a sample that can be read, in their order; labels have none. scorer: None for a detector.

        tell_late: to a host that goes back for what came late; any other would write it down as fields of an outcome.
        """
        block = _read(points, self._known.needs, self.job.labels.stream if self.job.labels else "")
        self.live, self._saved = True, b""
        try:
            told = judged(self._known, scorer, block.times, block.groups, block.columns, _labels(block))
        except BaseException:
            if self.reached:  # what is remembered by now is not what is told to be
                self.reached.begin_life()
            raise
        if self.reached:
            self.reached.note(block.groups, block.times)
        answers = _answers(block, told.scores, self._writer)
        if block.times:
            dealt_with(self.job.name, "answered", block.times)
        if tell_late:
            clock = block.columns[self.job.clock] if self.job.clock else block.times
            for row, behind in told.late.items():
                answers[row] += late_mark(Late(int(clock[row] or 0), behind))
        return answers

    def snapshot(self) -> bytes:
        """Keep what is known on disk, unless nothing entered since it was kept; returns the id it is found by."""
        if not self._saved:
            number = self._checkpoints.save(self._known.save())
            snapshot = Snapshot(number, self._known.shape, self._known.now)
            self._saved = (self.reached.told(snapshot) if self.reached else snapshot).to_bytes()
        return self._saved

    def snapshot_for_sweeper(self) -> bytes:
        """The same for who looks after this job beside others."""
        self.told_sweeper, self.swept_at = self.snapshot(), time.monotonic()
        return self.told_sweeper

    def rewind(self, snapshot: bytes) -> None:
        """Go back to a snapshot, whatever is remembered now; empty: to nothing.

        Raises Refused when it is gone, NotYet when it can't be had just now.
        """
        self._saved = b""
        if not snapshot:
            self._known.forget()
            if self.reached:
                self.reached.go_back({})
            return
        try:
            told = Snapshot.from_bytes(snapshot)
        except ValueError as error:
            raise Refused(f"job {self.job.name}: {snapshot[:80]!r} is no snapshot of ours") from error
        self._known.restore(self._checkpoints.load(told.checkpoint))
        self._checkpoints.drop_behind(told.checkpoint)
        if self.reached:
            self.reached.go_back(told.reached)


def knowledge(job: Job, folder: Path | None = None) -> Plan | Watch:
    """What a job remembers of its samples, still empty: the features of its model, or its detector's windows.

    folder: where the keys of a model's features sleep; None: they don't.
    """
    pace = Pace(job.every, job.name) if job.every else None
    if job.detector:
        return Watch(job.detector, job.clock, pace)
    return Plan(job.features, job.clock, job.labels, folder, pace, job.allowed_late)


def judged(
    known: Plan | Watch,
    scorer: Scorer | None,
    times: Sequence[int],
    groups: Sequence[str],
    columns: Mapping[str, Sequence[Value | None]],
    labels: Labels = NO_LABELS,
) -> Judged:
    """The outcome of each sample of a block, in their order; block and labels then belong to what is known.

    That a sample came late stands first in its `why`.
    """
    if isinstance(known, Watch):
        told = known.judge(times, groups, columns)
    elif scorer is None:
        raise Refused("features without a scorer; this job needs a model")
    else:
        rows = known.rows(times, groups, columns, labels)
        told = Judged(outcomes(rows, scorer, known.columns), rows.late)
    for row, behind in told.late.items():
        late = told.scores[row]
        told.scores[row] = late._replace(why=f"late {behind / 1e9:g} s" + (f"; {late.why}" if late.why else ""))
    return told


def _all_numbers(block: PointBlock) -> Rows:
    """Every numeric field as a column, NaN where a point lacks it. A number that is not finite is refused."""
    columns, refused = [], {}
    for name, values in block.columns.items():
        numbers = [value if isinstance(value, int | float) else math.nan for value in values]
        columns.append(numbers)
        for at, value in enumerate(values):
            if isinstance(value, float) and not math.isfinite(value):
                refused[at] = f"field {name} is {value}; a finite number was needed"
    return Rows(np.array(columns, dtype=np.float64).reshape(len(columns), len(block.times)).T, refused)


def _labels(block: PointBlock) -> Labels:
    """The labels among the points of a block: fields `id` and `label`, 1 or true an anomaly, 0 or false none."""
    good = [
        (fields["id"], float(fields["label"]), row)
        for row, fields in block.labels
        if "id" in fields and fields.get("label") in (0, 1)
    ]
    if bad := len(block.labels) - len(good):
        REFUSED.labels("label without an id, or neither 0 nor 1").inc(bad)
    return Labels(*zip(*good, strict=True)) if good else NO_LABELS


def _read(points: Sequence[bytes], needs: Sequence[str] | None, labels: str = "") -> PointBlock:
    block = read_points(points, needs, labels)
    if block.broken:
        REFUSED.labels("point can't be read").inc(block.broken)
        log.error("points that can't be read have no answer", points=block.broken)
    return block


def _answers(block: PointBlock, told: Sequence[Score], writer: AnswerWriter) -> list[bytes]:
    return [writer.write(head, outcome) for head, outcome in zip(block.heads, told, strict=True)]


def outcomes(rows: Rows, scorer: Scorer, columns: Sequence[str] | None) -> list[Score]:
    """The outcome of each row, in their order. columns: the features' names; None: whatever there is, in its order."""
    m = len(rows.values)
    good = [at for at in range(m) if at not in rows.refused] if rows.refused else range(m)
    values = rows.values[good] if rows.refused else rows.values
    info, scored, values = _scored(values, scorer, columns)
    told: list[Any] = [None] * m
    decided = scored.scores >= scored.threshold
    flagged = decided.nonzero()[0]
    reasons = dict(zip(flagged.tolist(), Why(info, scorer).of(values[flagged], scored.scores[flagged]), strict=True))
    for row, (at, score, anomalous) in enumerate(zip(good, scored.scores.tolist(), decided.tolist(), strict=True)):
        if row in scored.refused:
            told[at] = Score.refused(scored.refused[row], scored.threshold, scored.version)
        else:
            told[at] = Score(score, scored.threshold, anomalous, scored.version, True, reasons.get(row, ""))
    for at, reason in rows.refused.items():
        told[at] = Score.refused(reason, scored.threshold, scored.version)
    return told


def _scored(values: np.ndarray, scorer: Scorer, columns: Sequence[str] | None) -> tuple[ModelInfo, Scored, np.ndarray]:
    """Scores of rows laid out as the model wants them, also when it is swapped for one with other columns meanwhile."""
    while True:
        info = scorer.info()
        laid = values if columns is None else _lay_out(values, columns, info)
        if laid is None:
            missing = [name for name in info.columns if name not in (columns or ())]
            reason = f"model {info.version} needs features the job does not declare: {', '.join(missing)}"
            nothing = np.full(len(values), np.nan)
            return (
                info,
                Scored(nothing, info.threshold, info.version, dict.fromkeys(range(len(values)), reason)),
                values,
            )
        if not len(laid):
            return info, Scored(np.empty(0), info.threshold, info.version, {}), laid
        try:
            scored = scorer.score(laid)
            return scorer.info(), scored, laid
        except Swapped:
            continue


def _lay_out(values: np.ndarray, columns: Sequence[str], info: ModelInfo) -> np.ndarray | None:
    """The job's columns in the model's order, None when the model wants one that the job lacks."""
    if tuple(columns) == info.columns:
        return values
    at = {name: number for number, name in enumerate(columns)}
    if any(name not in at for name in info.columns):
        return None
    return values[:, [at[name] for name in info.columns]]
