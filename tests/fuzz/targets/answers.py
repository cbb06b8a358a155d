"""All that an agent may answer a host. What is taken as an outcome becomes one line that the store accepts."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from atipico.errors import NotYet, Refused
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.pending import Pending
from atipico.wire.frames import Splitter, frame, point_frames, point_of
from atipico.wire.lines import parse
from atipico.wire.points import AnswerWriter
from atipico.wire.sample import Score
from atipico.wire.udf_pb2 import Point, Response

_TIMES = (1, 2, 3)
_TOLD = Score(0.25, 0.5, True, "pumps@1", True, 'heat=3 (usual "1")')
_ANSWERS = [AnswerWriter().write(Point(time=time).SerializeToString(), _TOLD) for time in _TIMES]
WORDS = [point_frames([one]) for one in _ANSWERS]
WORDS += [frame(Response(snapshot={"snapshot": b"{}"}).SerializeToString())]
WORDS += [
    frame(Response(error={"error": "x"}).SerializeToString()),
    b"score",
    b"why",
    b"version",
    b"scored",
    b"\xf0\x7f",
]


def attack(data: bytes) -> None:
    pending, lines = Pending(10), OutcomeLines("pumps", "scores")
    head = lines.head("pump", {"shard": "0"})
    pending.add([(head, time) for time in _TIMES], 100)
    try:
        messages = Splitter().feed(data)
        points = [message for message in messages if point_of(message) is not None]
        for message in messages:
            if point_of(message) is None:
                Response.FromString(message)
        rows = pending.answered([point_of(message) or b"" for message in points])
    except (NotYet, Refused, DecodeError):  # the connection is begun anew
        return
    body = "\n".join(lines.line(row.head, row.score, row.time) for row in rows)
    read = parse(body.encode(), now=0, known=None)
    assert (read.refused, len(read.samples)) == ([], len(rows))
    assert [set(sample.fields) for sample in read.samples] == [set(Score._fields)] * len(rows)
    assert len(pending) == len(_TIMES) - len(rows)
