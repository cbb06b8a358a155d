"""Labels on a connection of their own are worked on at the place of their time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atipico.agent import labels
from atipico.agent.labels import Labels
from atipico.wire.points import is_of, time_of, write_point
from atipico.wire.sample import Sample
from atipico.wire.udf_pb2 import Point


def sample(time: int) -> bytes:
    return write_point(Sample("pump", {}, {"of": "labels"}, time), "atipico", "", [])


def label(time: int) -> bytes:
    return write_point(Sample("labels", {}, {"id": 1, "label": 1}, time), "atipico", "", [])


def told(points: list[bytes]) -> list[tuple[int, str]]:
    return [(point.time, point.name) for point in map(Point.FromString, points)]


def test_a_label_waits_for_the_first_sample_that_is_later():
    waiting = Labels("labels")

    assert told(waiting.merged([label(5)])) == []
    assert told(waiting.merged([sample(3), sample(5)])) == [(3, "pump"), (5, "pump")]
    assert told(waiting.merged([sample(6), sample(7)])) == [(5, "labels"), (6, "pump"), (7, "pump")]
    assert told(waiting.merged([sample(8)])) == [(8, "pump")]


def test_labels_that_come_out_of_order_are_put_into_it():
    waiting = Labels("labels")

    waiting.merged([label(9), label(2)])

    assert told(waiting.merged([sample(4), sample(20)])) == [(2, "labels"), (4, "pump"), (9, "labels"), (20, "pump")]


def test_of_too_many_labels_those_furthest_ahead_are_left_out(monkeypatch):
    monkeypatch.setattr(labels, "MOST", 2)
    waiting = Labels("labels")

    waiting.merged([label(1), label(3), label(2)])

    assert told(waiting.merged([sample(9)])) == [(1, "labels"), (2, "labels"), (9, "pump")]


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=40), st.data())
def test_however_labels_run_ahead_what_is_worked_on_is_in_the_order_of_time(points, data):
    samples = sorted(time for time, is_label in points if not is_label)
    others = [time for time, is_label in points if is_label]
    ahead = Labels("labels")
    done = list(ahead.merged([label(time) for time in others]))
    while samples:
        many = data.draw(st.integers(1, len(samples)))
        done += ahead.merged([sample(time) for time in samples[:many]])
        samples = samples[many:]

    times = [time for time, _ in told(done)]
    assert times == sorted(times)
    last = max((time for time, is_label in points if not is_label), default=-1)
    assert sum(name == "labels" for _, name in told(done)) == sum(time < last for time in others)


@pytest.mark.parametrize("time", [0, 1, -1, -(2**63), 2**63 - 1, 1_795_000_000_000_000_000])
def test_a_points_time_is_read_off_its_first_bytes(time):
    assert time_of(sample(time)) == time


def test_a_text_that_looks_like_a_measurement_is_none_and_what_cannot_be_read_neither():
    disguised = write_point(Sample("pump", {}, {"of": "\x12\x06labels"}, 1), "atipico", "", [])

    assert is_of(label(1), "labels")
    assert not is_of(disguised, "labels")
    assert not is_of(b"\x12\x06labels\xff\xff", "labels")
    assert time_of(b"\xff\xff") == 0
