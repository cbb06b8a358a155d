"""What the log holds for a job, as points on their way to the agent: in its order, or with a place in the job's."""

from __future__ import annotations

import time
from copy import copy
from typing import NamedTuple

from atipico.registry.jobs import Job
from atipico.stream.ledger import LONG_AGO
from atipico.stream.outcomes import OutcomeLines
from atipico.wire import lines
from atipico.wire.points import PointWriter, group_of, series_of
from atipico.wire.sample import SHARD_TAG, SOURCE_TAG, Sample


class Outgoing(NamedTuple):
    """clock: the job's, ns; for a label that of the furthest sample before it. time: its own, ns.

    head: measurement and tags of a sample's outcome; "" for a label, which has none. series: the number of its group.
    """

    clock: int
    time: int
    head: str
    point: bytes
    series: int = 0

    @property
    def place(self) -> tuple[int, bool, int, int, str]:
        """By clock, time and series; a label behind the samples of its clock, as it came behind one of them."""
        return (self.clock, not self.head, self.time if self.head else 0, self.series, self.head)


class Points(NamedTuple):
    """heads: of the samples alone, each with its time, ns. points: of samples and labels."""

    heads: list[tuple[str, int]]
    points: list[bytes]


class Reader:
    """Reads lines of a job's stream and of its labels, in the order of the log."""

    def __init__(self, job: Job, outcomes: OutcomeLines) -> None:
        self._job, self._outcomes, self._points = job, outcomes, PointWriter(job.database)
        self._furthest = LONG_AGO  # clock of the samples that were placed, ns

    def anew(self) -> Reader:
        """One that has placed nothing yet."""
        other = copy(self)
        other._furthest = LONG_AGO
        return other

    def read(self, data: bytes) -> Points:
        """What of these lines is this job's, as it came."""
        head, write, stream = self._outcomes.head, self._points.write, self._job.stream
        found = self._found(data)
        return Points(
            [(head(one.measurement, one.tags), one.time) for one in found if one.measurement == stream],
            [write(one) for one in found],
        )

    def placed(self, data: bytes) -> list[Outgoing]:
        """What of these lines is this job's, each with its place behind what was placed before."""
        placed, job = [], self._job
        for sample in self._found(data):
            if sample.measurement == job.stream:
                clock = sample.fields.get(job.clock) if job.clock else sample.time
                if type(clock) is not int:  # the agent will say so; it stays where it is
                    clock = self._furthest
                self._furthest = max(self._furthest, clock)
                head = self._outcomes.head(sample.measurement, sample.tags)
                series = series_of(group_of(sample.tags, SHARD_TAG)[0])
            else:
                clock, head, series = self._furthest, "", 0
            placed.append(Outgoing(clock, sample.time, head, self._points.write(sample), series))
        return placed

    def _found(self, data: bytes) -> list[Sample]:
        """Samples, and the labels that name one of this job's stream, as far as they say of which."""
        stream = self._job.stream
        return [
            one
            for one in lines.parse(data, now=time.time_ns()).samples
            if one.measurement == stream or one.tags.get(SOURCE_TAG, stream) == stream
        ]
