"""A connection to the agent on which samples are sent again, a few at a time, and their answers waited for."""

from __future__ import annotations

import time
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

AT_ONCE, _BYTES = 2000, 4 * 2**20  # rows, and bytes of their points; the agent keeps 64 MiB
BY_TIME, LOOKS = "by time", "looks"  # what it says of itself, see agent/README.md


class Feed:
    """One connection for one job, until `close`. All raise NotYet when the agent is silent or gone.

    again: the points of others wait meanwhile; without it this one only looks.
    """

    def __init__(self, job: Job, socket: Path, timeout_s: float, again: bool) -> None:
        self._link = Link(socket, timeout_s)
        try:
            labels = job.labels.stream if job.labels else ""
            self._link.begin(job.name, labels if again else "", BY_TIME if again else LOOKS)
        except BaseException:
            self._link.close()
            raise
        self._messages = chain.from_iterable(self._link.messages())

    def restore(self, snapshot: str) -> None:
        """Have the job know what it did at a snapshot, "" for nothing. Raises Refused when that is gone."""
        self._link.restore(snapshot.encode())

    def portions(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        """Rows in their order, as many at once as both ends keep."""
        begin = size = 0
        for at, row in enumerate(rows, 1):
            size += len(row.point)
            if at - begin == AT_ONCE or size >= _BYTES or at == len(rows):
                yield rows[begin:at]
                begin, size = at, 0

    def scores(self, rows: Sequence[Row]) -> Iterator[tuple[Row, Score]]:
        """Send a portion; the samples in it with what they score."""
        self._link.send_points([row.point for row in rows])
        for row in rows:
            if not row.head:
                continue
            at, score, _ = read_answer(self._next_point())
            if at != row.time:
                raise NotYet(f"the agent answered the sample of {at} ns where that of {row.time} ns was due")
            yield row, score

    def knock(self) -> None:
        """Show that this side lives, before something that may take long."""
        self._link.keep_alive(time.time_ns())

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
