"""What the log holds for a job, as points on their way to the agent, each with its place in the order of the job."""

from __future__ import annotations

import time
from copy import copy
from typing import NamedTuple

from atipico.registry.jobs import Job
from atipico.stream.ledger import LONG_AGO
from atipico.stream.outcomes import OutcomeLines
from atipico.wire import lines
from atipico.wire.points import PointWriter
from atipico.wire.sample import SOURCE_TAG, Sample


class Outgoing(NamedTuple):
    """clock: the job's, ns; for a label that of the furthest sample before it. time: its own, ns.

    head: measurement and tags of a sample's outcome; "" for a label, which has none.
    """

    clock: int
    time: int
    head: str
    point: bytes

    @property
    def place(self) -> tuple[int, bool, int, str]:
        """By clock, time and tags; a label behind the samples of its clock, as it came behind one of them."""
        return (self.clock, not self.head, self.time if self.head else 0, self.head)


class Reader:
    """Reads lines of a job's stream and of its labels, in the order of the log."""

    def __init__(self, job: Job, outcomes: OutcomeLines) -> None:
        self._job, self._outcomes, self._points = job, outcomes, PointWriter(job.database)
        self._furthest = LONG_AGO  # clock of the samples that were read, ns

    def anew(self) -> Reader:
        """One that has read nothing yet."""
        other = copy(self)
        other._furthest = LONG_AGO
        return other

    def read(self, data: bytes) -> list[Outgoing]:
        """What of these lines is this job's."""
        read, job = [], self._job
        for sample in lines.parse(data, now=time.time_ns()).samples:
            if sample.measurement == job.stream:
                clock = sample.fields.get(job.clock) if job.clock else sample.time
                if type(clock) is not int:  # the agent will say so; it stays where it is
                    clock = self._furthest
                self._furthest = max(self._furthest, clock)
                head = self._outcomes.head(sample.measurement, sample.tags)
            elif self._is_ours(sample):
                clock, head = self._furthest, ""
            else:
                continue
            read.append(Outgoing(clock, sample.time, head, self._points.write(sample)))
        return read

    def _is_ours(self, label: Sample) -> bool:
        """Whether a label names a sample of this job's stream, as far as it says of which."""
        return label.tags.get(SOURCE_TAG, self._job.stream) == self._job.stream
