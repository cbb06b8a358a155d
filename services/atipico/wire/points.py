"""Points of the UDF protocol: samples on their way to the agent, scores on their way back."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

from google.protobuf.message import DecodeError

from atipico.wire.frames import varint
from atipico.wire.sample import JOB_TAG, SHARD_TAG, SOURCE_TAG, Sample, Score, Value, tag_of_outcome
from atipico.wire.udf_pb2 import Point

_CLOCK, _BEHIND = "late_clock", "late_behind"  # fields of an answer
_JOB, _SOURCE = JOB_TAG.encode(), SOURCE_TAG.encode()
FIELD_MAPS = ("fieldsDouble", "fieldsInt", "fieldsString", "fieldsBool")


GroupOf = Callable[[Mapping[str, str]], tuple[str, Sequence[str]]]


class PointBlock(NamedTuple):
    """Some points, column by column, in their order.

    heads: what an answer begins with: the point's bytes without its fields. columns: for each field
    one value a point, None where it has none. broken: how many could not be read, and are not here.
    labels: points of the measurement that was asked for apart, as (how many points came before, its fields).
    """

    times: list[int]
    groups: list[str]
    heads: list[bytes]
    columns: dict[str, list[Value | None]]
    broken: int
    labels: list[tuple[int, dict[str, Value]]]


def read_points(points: Iterable[bytes], needs: Sequence[str] | None, labels: str = "") -> PointBlock:
    """Read the fields in `needs` (None: all there are) of each point; those of the measurement `labels` apart."""
    parsed: list[Point] = []
    told: list[tuple[int, dict[str, Value]]] = []
    broken = 0
    for data in points:
        try:
            point = Point.FromString(data)
        except DecodeError:
            broken += 1
            continue
        if labels and point.name == labels:
            fields = {name: value for kind in FIELD_MAPS for name, value in getattr(point, kind).items()}
            told.append((len(parsed), fields))
        else:
            parsed.append(point)
    if needs is None:
        needs = sorted({name for point in parsed for kind in FIELD_MAPS for name in getattr(point, kind)})
    maps = [[getattr(point, kind) for point in parsed] for kind in FIELD_MAPS]
    columns = {name: _column(maps, name) for name in needs}
    times = [point.time for point in parsed]
    groups = [point.group for point in parsed]
    del maps
    for point in parsed:
        for kind in FIELD_MAPS:
            point.ClearField(kind)
    heads = [_head_of_answer(point) for point in parsed]
    return PointBlock(times, groups, heads, columns, broken, told)


def _head_of_answer(point: Point) -> bytes:
    """What an answer to a point without its fields begins with. Its tags are called as the outcome's."""
    head = point.SerializeToString()
    if _SOURCE not in head and _JOB not in head:
        return head
    tags = {tag_of_outcome(name): value for name, value in point.tags.items()}
    dimensions = [tag_of_outcome(name) for name in point.dimensions]
    point.tags.clear()
    point.tags.update(tags)
    point.dimensions[:] = dimensions
    return point.SerializeToString()


def is_of(point: bytes, measurement: str) -> bool:
    """Whether a point is of a measurement. One that can't be read is of none."""
    name = measurement.encode()
    if b"\x12" + varint(len(name)) + name not in point:  # what is here may be a field's text
        return False
    try:
        return bool(Point.FromString(point).name == measurement)
    except DecodeError:
        return False


def time_of(point: bytes) -> int:
    """A point's time, ns; 0 for one that can't be read."""
    if point[:1] != b"\x08":  # where Kapacitor has it
        try:
            return int(Point.FromString(point).time)
        except DecodeError:
            return 0
    time = shift = 0
    for byte in point[1:11]:
        time |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return time - 2**64 if time >= 2**63 else time


def _column(maps: Sequence[Sequence[Mapping[str, Value]]], name: str) -> list[Value | None]:
    """A field by point. Mostly all points have it in the map of one and the same type."""
    likely = sorted(maps, key=lambda of_type: not of_type or name not in of_type[0])
    column: list[Value | None] = [fields.get(name) for fields in likely[0]]
    for of_type in likely[1:]:
        if None not in column:
            break
        column = [fields.get(name) if old is None else old for old, fields in zip(column, of_type, strict=True)]
    return column


def write_point(sample: Sample, database: str, group: str, dimensions: Sequence[str]) -> bytes:
    """A sample as Kapacitor sends it."""
    return _time_and_fields(sample) + _head(sample, database, group, dimensions)


def _head(sample: Sample, database: str, group: str, dimensions: Sequence[str]) -> bytes:
    """What every point of a series repeats."""
    head = Point(
        name=sample.measurement,
        database=database,
        retentionPolicy="autogen",
        group=group,
        dimensions=dimensions,
        tags=sample.tags,
    )
    return head.SerializeToString()


def _time_and_fields(sample: Sample) -> bytes:
    point = Point(time=sample.time)
    maps: dict[type, Any] = {
        float: point.fieldsDouble,
        int: point.fieldsInt,
        str: point.fieldsString,
        bool: point.fieldsBool,
    }
    for name, value in sample.fields.items():
        maps[type(value)][name] = value
    return point.SerializeToString()


class PointWriter:
    """Samples of one database as Kapacitor sends them. What a series repeats is encoded once.

    group: what a series' group and its dimensions are called.
    """

    def __init__(self, database: str, group: GroupOf | None = None) -> None:
        self._database, self._group = database, group or (lambda tags: group_of(tags, SHARD_TAG))
        self._heads: dict[tuple[str, tuple[tuple[str, str], ...]], bytes] = {}

    def write(self, sample: Sample) -> bytes:
        key = (sample.measurement, tuple(sample.tags.items()))
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) > 100_000:
                self._heads.clear()
            head = self._heads[key] = _head(sample, self._database, *self._group(sample.tags))
        return _time_and_fields(sample) + head


def group_of(tags: Mapping[str, str], shard: str) -> tuple[str, Sequence[str]]:
    """The group and its dimensions as Kapacitor names them: by the shard tag where there is one, else by all tags."""
    dimensions = [shard] if shard in tags else sorted(tags)
    return ",".join(f"{name}={tags[name]}" for name in dimensions), dimensions


def series_of(group: str) -> int:
    """The number of a group. Samples of one key, clock and time are in the order of these, wherever they are sorted."""
    return crc32(group.encode())


class AnswerWriter:
    """Scores as the fields of answers. What repeats from one to the next is encoded once."""

    def __init__(self) -> None:
        self._tails: dict[tuple[float, bool, str, bool, str], bytes] = {}
        self._score = _entry_start(0x42, "score", 9) + b"\x11"

    def write(self, head: bytes, score: Score) -> bytes:
        """The answer: the point's head, then the six fields."""
        rest = score[1:]
        tail = self._tails.get(rest)
        if tail is None:
            if len(self._tails) > 1000:
                self._tails.clear()
            tail = self._tails[rest] = _tail(score)
        return b"".join((head, self._score, struct.pack("<d", score.score), tail))


def _entry_start(tag: int, name: str, value_size: int) -> bytes:
    key = b"\x0a" + varint(len(name)) + name.encode()
    return bytes([tag]) + varint(len(key) + value_size) + key


def _tail(score: Score) -> bytes:
    point = Point(
        fieldsDouble={"threshold": score.threshold},
        fieldsString={"version": score.version, "why": score.why},
        fieldsBool={"anomalous": score.anomalous, "scored": score.scored},
    )
    return point.SerializeToString()


class Late(NamedTuple):
    """What an answer tells of a sample that came late: its clock, and by how much that was behind the furthest; ns."""

    clock: int
    behind: int


def late_mark(late: Late) -> bytes:
    """What an answer is followed by to be one of a sample that came late."""
    return Point(fieldsInt={_CLOCK: late.clock, _BEHIND: late.behind}).SerializeToString()


def read_answer(data: bytes) -> tuple[int, Score, Late | None]:
    """A sample's time, ns, its score, and if it came late that; a missing field has its type's empty value.

    What came late says so in `why` too: where that is empty nothing is looked for.
    """
    point = Point.FromString(data)
    doubles, texts, bools = point.fieldsDouble, point.fieldsString, point.fieldsBool
    score = Score(
        doubles.get("score", 0.0),
        doubles.get("threshold", 0.0),
        bools.get("anomalous", False),
        texts.get("version", ""),
        bools.get("scored", False),
        texts.get("why", ""),
    )
    return point.time, score, _late(point) if score.why else None


def _late(point: Point) -> Late | None:
    ints = point.fieldsInt
    return Late(ints.get(_CLOCK, 0), ints[_BEHIND]) if _BEHIND in ints else None
