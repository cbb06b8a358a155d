"""UDF frames. First byte: how many bytes come at once."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from atipico.errors import Refused
from atipico.wire.frames import MOST_BYTES, Splitter, frame, point_frames, point_of
from atipico.wire.udf_pb2 import Point, Request

WORDS = [b"\x8a\x01", b"\x80", b"\xff\xff\xff\xff\x0f", point_frames([Point(time=1).SerializeToString()])]
WORDS += [frame(Request(keepalive={"time": 1}).SerializeToString())]


def attack(data: bytes) -> None:
    step, stream = (1 + data[0] % 64, data[1:]) if data else (1, b"")
    whole, rest = _cut(stream, len(stream) or 1)
    assert (whole, rest) == _cut(stream, step), "how the bytes were torn makes a difference"
    assert rest is None or len(rest) <= min(len(stream), MOST_BYTES + 5)
    splitter = Splitter()
    assert splitter.feed(b"".join(map(frame, whole))) == whole
    for message in whole:
        _check_point(message)


def _cut(stream: bytes, step: int) -> tuple[list[bytes], bytes | None]:
    """The messages, and what is left; None where the stream was refused."""
    splitter, found = Splitter(), []
    try:
        for at in range(0, len(stream), step):
            found += splitter.feed(stream[at : at + step])
    except Refused:
        # What came whole before the bad bytes is lost with them where it came in one piece, so it is not compared.
        return [], None
    return found, splitter._rest


def _check_point(message: bytes) -> None:
    """The short way to a point says what protobuf says."""
    point = point_of(message)
    if point is None:
        return
    try:
        request = Request.FromString(message)
    except DecodeError:
        request = None
    try:
        alone = Point.FromString(point)
    except DecodeError:
        alone = None
    assert (request is None) == (alone is None)
    if request is not None and alone is not None:
        assert request.WhichOneof("message") == "point"
        assert request.point.SerializeToString(deterministic=True) == alone.SerializeToString(deterministic=True)
