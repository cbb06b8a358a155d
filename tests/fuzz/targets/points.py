"""Points, labels among them, to columns, and the answers to them. The input: frames with a point in each."""

from __future__ import annotations

from atipico.agent.work import _labels
from atipico.errors import Refused
from atipico.wire.frames import Splitter, frame
from atipico.wire.points import FIELD_MAPS, AnswerWriter, Late, late_mark, read_answer, read_points, write_point
from atipico.wire.sample import Sample, Score
from atipico.wire.udf_pb2 import Point

_SAMPLE = Sample("pump", {"shard": "0"}, {"heat": 1.5, "n": 3, "on": True, "s": "x"}, 1)
_LABEL = Sample("labels", {}, {"id": 3, "label": 1}, 2)
WORDS = [frame(write_point(one, "d", "shard=0", ["shard"])) for one in (_SAMPLE, _LABEL)]
WORDS += [Point(**{kind: {"heat": 1}}).SerializeToString() for kind in ("fieldsDouble", "fieldsInt", "fieldsBool")]
WORDS += [b"heat", b"labels", b"label", b"id"]
_TOLD = Score(0.25, 0.5, False, "pumps@1", True, "why")
_LATE = Late(-(2**62), 10**9)
_writer = AnswerWriter()


def attack(data: bytes) -> None:
    try:
        points = Splitter().feed(data)
    except Refused:
        return
    block = read_points(points, None, "labels")
    assert len(block.times) + block.broken + len(block.labels) == len(points)
    assert len({*map(len, block.columns.values()), len(block.times), len(block.groups), len(block.heads)}) == 1
    some = read_points(points, ["heat", "id"], "labels")
    nothing = [None] * len(block.times)
    assert [some.columns[name] for name in ("heat", "id")] == [
        block.columns.get(name, nothing) for name in ("heat", "id")
    ] or _has_nan(block.columns)
    labels = _labels(block)
    assert len({*map(len, labels)}) == 1
    for head, time in zip(block.heads, block.times, strict=True):
        assert not any(getattr(Point.FromString(head), kind) for kind in FIELD_MAPS)
        answer = _writer.write(head, _TOLD)
        assert read_answer(answer) == (time, _TOLD, None)
        assert read_answer(answer + late_mark(_LATE)) == (time, _TOLD, _LATE)


def _has_nan(columns: dict[str, list[object]]) -> bool:
    return any(value != value for column in columns.values() for value in column)
