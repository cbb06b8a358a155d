"""A stream and its scores over a range of time, as columns: every sample where few, buckets where many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from atipico.page import ask
from atipico.page.influx import Influx, Series
from atipico.page.names import SCORES, Stream
from atipico.wire.influxql.tree import Expression
from atipico.wire.sample import JOB_TAG

_MS, _S = 10**6, 10**9
_M, _H = 60 * _S, 3600 * _S
STEPS = (
    *(10 * _MS, 20 * _MS, 50 * _MS, 100 * _MS, 200 * _MS, 500 * _MS),
    *(_S, 2 * _S, 5 * _S, 10 * _S, 20 * _S, 30 * _S, _M, 2 * _M, 5 * _M, 10 * _M, 20 * _M, 30 * _M),
    *(_H, 2 * _H, 6 * _H, 12 * _H, 24 * _H, 7 * 24 * _H),
)

VALUES = ("lo", "mean", "hi")
SCORE = ("score", "threshold")


class TooMany(Exception):
    """More samples than are drawn one by one."""


class Part(NamedTuple):
    """Columns from `start` (ns) on, in the order of their time. columns: name -> values, as many as `times`."""

    start: int
    times: list[int]
    columns: dict[str, list[Any]]

    def plain(self) -> dict[str, Any]:
        return {"from": str(self.start), "t": list(map(str, self.times)), **self.columns}


class Chart(NamedTuple):
    """values: the field (`v`, or `lo`, `mean`, `hi` a bucket). scores: `score` (a bucket's highest) and `threshold`.

    flags: `n`, the anomalies of each bucket that has some; nothing where every sample stands by itself.
    """

    step: int  # ns; 0: every sample by itself
    values: Part
    scores: Part
    flags: Part

    def plain(self) -> dict[str, Any]:
        parts = {"values": self.values.plain(), "scores": self.scores.plain(), "flags": self.flags.plain()}
        return {"step": str(self.step), **parts}


def step_for(length: int, points: int) -> int:
    """The smallest step (ns) that cuts `length` ns into at most `points` buckets."""
    return next((step for step in STEPS if length <= step * points), STEPS[-1])


class Charts:
    """Reads charts. most: samples that are drawn one by one."""

    def __init__(self, influx: Influx, most: int) -> None:
        self._influx, self._most = influx, most

    def whole(self, stream: Stream, field: str, start: int, stop: int, points: int) -> Chart:
        """A range, every sample where that is few enough, else about `points` buckets."""
        try:
            return self.read(stream, field, 0, start, start, stop)
        except TooMany:
            step = step_for(stop - start, points)
            return self.read(stream, field, step, start // step * step, start // step * step, stop)

    def read(self, stream: Stream, field: str, step: int, values_from: int, scores_from: int, stop: int) -> Chart:
        """A chart of a given step. Raises TooMany."""
        if step:
            return self._buckets(stream, field, step, values_from, scores_from, stop)
        inside, scored = ask.within(values_from, stop), self._scored(stream, scores_from, stop)
        values, scores = self._influx.ask(
            ask.rows([ask.field(field)], stream.measurement, inside, limit=self._most + 1),
            ask.rows(map(ask.field, SCORE), SCORES, scored, limit=self._most + 1),
        )
        if any(len(one.values) > self._most for one in (*values, *scores)):
            raise TooMany
        part = _part(values_from, values, (field,))
        part = part._replace(columns={"v": part.columns[field]})
        return Chart(0, part, _part(scores_from, scores, SCORE), _part(scores_from, [], ("n",)))

    def _buckets(self, stream: Stream, field: str, step: int, values_from: int, scores_from: int, stop: int) -> Chart:
        scored = ask.every(ask.within(scores_from, stop), ask.equals(JOB_TAG, stream.job))  # an unscored one has 0
        flagged = ask.every(scored, ask.equals("anomalous", True))
        spread = [ask.of("min", field, "lo"), ask.of("mean", field, "mean"), ask.of("max", field, "hi")]
        highest = [ask.of("max", "score", "score"), ask.of("max", "threshold", "threshold")]
        values, scores, flags = self._influx.ask(
            ask.buckets(spread, stream.measurement, ask.within(values_from, stop), step),
            ask.buckets(highest, SCORES, scored, step),
            ask.buckets([ask.of("count", "score", "n")], SCORES, flagged, step),
        )
        return Chart(
            step,
            _part(values_from, values, VALUES),
            _part(scores_from, scores, SCORE),
            _part(scores_from, flags, ("n",)),
        )

    @staticmethod
    def _scored(stream: Stream, start: int, stop: int) -> Expression:
        return ask.every(ask.within(start, stop), ask.equals(JOB_TAG, stream.job), ask.equals("scored", True))


def _part(start: int, found: Sequence[Series], names: Sequence[str]) -> Part:
    if not found:
        return Part(start, [], {name: [] for name in names})
    [one] = found
    return Part(start, one.column("time"), {name: one.column(name) for name in names})
