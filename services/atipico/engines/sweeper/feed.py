"""A connection to the agent on which samples are sent again, a few at a time, and their answers waited for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from atipico.engines.sweeper.rows import Row
from atipico.errors import NotYet, Refused
from atipico.registry.jobs import Job
from atipico.stream.link import Link
from atipico.wire.frames import point_of
from atipico.wire.points import read_answer
from atipico.wire.sample import Score
from atipico.wire.udf_pb2 import Response

AT_ONCE = 2000  # rows; their points and answers fit what both ends keep
BY_TIME = "by time"  # how it sends again, see agent/README.md


class Feed:
    """One connection for one job, until `close`. All raise NotYet when the agent is silent or gone.

    again: the points of others wait meanwhile; without it this one only looks.
    """

    def __init__(self, job: Job, socket: Path, timeout_s: float, again: bool) -> None:
        self._link = Link(socket, timeout_s)
        try:
            labels = job.labels.stream if job.labels else ""
            self._link.begin(job.name, labels if again else "", BY_TIME if again else "")
        except BaseException:
            self._link.close()
            raise
        self._messages = chain.from_iterable(self._link.messages())

    def restore(self, snapshot: str) -> None:
        """Have the job know what it did at a snapshot, "" for nothing. Raises Refused when it can't."""
        self._link.restore(snapshot.encode())

    def scores(self, rows: Sequence[Row]) -> Iterator[tuple[Row, Score]]:
        """Send rows in their order; the samples among them with what they score."""
        for at in range(0, len(rows), AT_ONCE):
            some = rows[at : at + AT_ONCE]
            self._link.send_points([row.point for row in some])
            samples = [row for row in some if row.head]
            for row in samples:
                time, score, _ = read_answer(self._next_point())
                if time != row.time:
                    raise NotYet(f"the agent answered the sample of {time} ns where that of {row.time} ns was due")
                yield row, score

    def snapshot(self) -> bytes:
        """What the job knows after all that was sent; empty when the agent's disk is full."""
        self._link.ask_snapshot()
        for message in self._messages:
            if (response := _parsed(message)).WhichOneof("message") == "snapshot":
                return bytes(response.snapshot.snapshot)
        raise AssertionError("a connection's messages end by raising")

    def close(self) -> None:
        self._link.close()

    def _next_point(self) -> bytes:
        for message in self._messages:
            if (point := point_of(message)) is not None:
                return point
            _parsed(message)
        raise AssertionError("a connection's messages end by raising")


def _parsed(message: bytes) -> Response:
    """Raises Refused for an error that the agent tells."""
    response = Response.FromString(message)
    if response.WhichOneof("message") == "error":
        raise Refused(f"agent: {response.error.error}")
    return response
