"""UDF frames and points: what one side writes the other reads, however the bytes are torn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.wire.frames import MOST_BYTES, Splitter, frame, point_frames, point_of, varint
from atipico.wire.points import (
    AnswerWriter,
    Late,
    PointWriter,
    group_of,
    late_mark,
    read_answer,
    read_points,
    write_point,
)
from atipico.wire.sample import Sample, Score, outcome_tags
from atipico.wire.udf_pb2 import Point, Request, Response

words = st.text(min_size=1, max_size=8)
values = st.one_of(st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.text(max_size=20), st.booleans())
samples = st.builds(
    Sample,
    words,
    st.dictionaries(words, words, max_size=3),
    st.dictionaries(words, values, min_size=1, max_size=5),
    st.integers(-(2**63), 2**63 - 1),
)


@given(st.lists(st.binary(max_size=400), max_size=20), st.data())
def test_messages_come_out_whole_wherever_the_bytes_were_torn(messages, data):
    stream = b"".join(map(frame, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    splitter, out = Splitter(), []

    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += splitter.feed(stream[start:end])

    assert out == messages


@pytest.mark.parametrize("garbage", [b"\xff" * 20, varint(MOST_BYTES + 1)])
def test_bytes_that_are_no_frames_are_refused_and_not_collected_for_ever(garbage):
    splitter = Splitter()

    with pytest.raises(Refused, match="no frames"):
        splitter.feed(garbage)


@pytest.mark.parametrize("step", [1, 100])
def test_a_length_of_more_bytes_than_any_needs_is_refused_however_it_was_torn(step):
    splitter, stream = Splitter(), b"\x80" * 12 + b"\x00"

    with pytest.raises(Refused, match="no frames"):
        _ = [splitter.feed(stream[at : at + step]) for at in range(0, len(stream), step)]


@pytest.mark.parametrize("cut", [b"\x8a\x01", b"\x8a\x01\x80", b"\x8a\x01\x80\x80\x80"])
def test_a_point_whose_length_has_no_end_is_no_point(cut):
    assert point_of(cut) is None


@given(st.lists(samples, min_size=1, max_size=8))
def test_points_carry_samples_field_by_field(many):
    writer = PointWriter("atipico")
    points = [writer.write(sample) for sample in many]

    messages = Splitter().feed(point_frames(points))
    block = read_points([point_of(message) for message in messages], None)

    assert block.times == [sample.time for sample in many]
    for at, sample in enumerate(many):
        got = {name: column[at] for name, column in block.columns.items() if column[at] is not None}
        assert {name: (type(value), value) for name, value in got.items()} == {
            name: (type(value), value) for name, value in sample.fields.items()
        }
        assert Point.FromString(block.heads[at]) == Point.FromString(
            write_point(sample._replace(fields={}), "atipico", *group_of(sample.tags, "shard"))
        )


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.booleans(), st.text(), st.booleans(), st.text())
def test_an_answer_keeps_the_points_head_and_brings_the_six_fields(score, threshold, anomalous, version, scored, why):
    sample = Sample("payments", {"shard": "3"}, {"amount": 1.0}, 1_700_000_000_000_000_000)
    head = read_points([write_point(sample, "atipico", "shard=3", ["shard"])], ()).heads[0]
    told = Score(score, threshold, anomalous, version, scored, why)

    data = AnswerWriter().write(head, told)
    point = Response.FromString(Splitter().feed(point_frames([data]))[0]).point

    assert read_answer(data) == (sample.time, told, None)
    assert read_answer(data + late_mark(Late(-5, 0))) == (sample.time, told, Late(-5, 0) if why else None)
    assert (point.group, dict(point.tags), list(point.dimensions)) == ("shard=3", {"shard": "3"}, ["shard"])
    names = {*point.fieldsDouble, *point.fieldsInt, *point.fieldsString, *point.fieldsBool}
    assert names == set(Score._fields)


def test_the_tags_of_an_answer_are_called_as_those_of_its_outcome():
    tags = {"atipico_job": "nightly", "host": "a", "sample_source": "b", "source": "c"}
    point = write_point(Sample("m", tags, {"x": 1.0}, 5), "db", *group_of(tags, "shard"))

    (head,) = read_points([point], ["x"]).heads

    answer = Point.FromString(head)
    assert dict(answer.tags) | {"atipico_job": "j", "source": "m"} == outcome_tags(tags, "j", "m")
    assert list(answer.dimensions) == ["sample_atipico_job", "host", "sample_sample_source", "sample_source"]


def test_a_point_beside_another_message_is_left_to_the_full_parser():
    both = Request(point={"time": 5}).SerializeToString() + Request(keepalive={"time": 7}).SerializeToString()

    assert point_of(both) is None
    assert point_of(Request(keepalive={"time": 7}).SerializeToString()) is None


def test_a_repeated_map_key_is_legal_and_the_last_one_counts():
    point = (
        Point(time=1, fieldsDouble={"x": 1.0}).SerializeToString() + Point(fieldsDouble={"x": 2.0}).SerializeToString()
    )

    assert read_points([point], ["x"]).columns["x"] == [2.0]


def test_a_broken_point_is_counted_and_its_neighbours_are_read():
    good = write_point(Sample("m", {}, {"x": 1.0}, 5), "atipico", "", [])

    block = read_points([good, b"\x0a\xff", good], ["x"])

    assert (block.times, block.broken) == ([5, 5], 1)


@pytest.mark.parametrize("size", [6, 7, 4096, 100_000])
def test_a_length_that_never_ends_is_refused_however_long_it_is(size):
    with pytest.raises(Refused, match="no frames"):
        Splitter().feed(b"\xff" * size)
