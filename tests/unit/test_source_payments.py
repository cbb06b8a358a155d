"""The payments source: pure in its position and in its day, labels late and apart."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.ports import Batch, Position
from atipico.sources import make
from atipico.sources.payments import Payments, simulate
from atipico.sources.payments_fraud import SEASON
from atipico.sources.payments_world import DAY, Day, World


def read_in_pieces(pieces: list[int], **options: object) -> Batch:
    """What one batch of sum(pieces) rows holds, read piece by piece, each by a source that knows only the position."""
    position: Position = {}
    rows, labels = [], []
    for piece in pieces:
        batch = make("payments", **options).read(position, piece)
        rows.extend(batch.rows)
        labels.extend(batch.labels)
        position = batch.after
    return Batch(rows, labels, position)


# The source


@settings(max_examples=30)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_payments_read_in_pieces_are_the_payments_read_at_once(pieces):
    options = {"seed": 3, "customers": 20, "label_delay": "2d"}

    at_once = make("payments", **options).read({}, sum(pieces))

    assert read_in_pieces(pieces, **options) == at_once


def test_another_seed_gives_other_payments():
    assert Payments(seed=1).read({}, 10).rows != Payments(seed=2).read({}, 10).rows


def test_a_label_comes_when_the_clock_of_the_stream_passed_its_delay_and_not_before():
    source, position = Payments(customers=30, label_delay="3d"), {}
    clock_of = {}
    labelled: list[int] = []

    for _ in range(40):
        batch = source.read(position, 10)
        position = batch.after
        clock_of |= {fields["transaction_id"]: fields["event_time"] for _, fields in batch.rows}
        now = batch.rows[-1][1]["event_time"]
        labelled.extend(label.id for label in batch.labels)

        assert labelled == [id for id, then in clock_of.items() if then + 3 * DAY <= now]
    assert labelled


def test_labels_tell_what_the_simulation_knows():
    known = simulate(20, seed=1)
    truth = dict(zip(known["transaction_id"].tolist(), known["fraud"].tolist(), strict=True))

    labels = Payments(seed=1, label_delay="7d").read({}, len(truth)).labels

    assert len(labels) > 5000
    assert all(label.label == truth[label.id] for label in labels)
    assert any(label.label for label in labels)


def test_no_sample_carries_its_label():
    (_, fields) = Payments().read({}, 1).rows[0]

    assert set(fields) == {"transaction_id", "customer", "terminal", "amount", "event_time"}


def test_a_world_of_so_many_days_ends():
    batch = Payments(days=2).read({}, 10_000)

    assert len(batch.rows) == len(simulate(2)["fraud"])
    assert Payments(days=2).read(batch.after, 10).rows == []


def test_days_without_payments_do_not_end_the_stream():
    rows = Payments(customers=1, per_day=0.2).read({}, 30).rows

    assert len(rows) == 30


# The world: pure


def digest(day: Day) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(column).tobytes() for column in day)).hexdigest()


@settings(max_examples=20)
@given(st.permutations([0, 1, SEASON - 1, SEASON, 3 * SEASON + 1, 500]))
def test_a_day_is_the_same_whichever_days_were_made_before_it(numbers):
    asked_for = World(2, 40)

    made = {number: digest(asked_for.day(number)) for number in numbers}

    assert made == {number: digest(World(2, 40).day(number)) for number in made}
    assert len(set(made.values())) == len(numbers)


@pytest.mark.parametrize("other", [(6, 40, 20, 90.0), (5, 41, 20, 90.0), (5, 40, 21, 90.0), (5, 40, 20, 91.0)])
def test_any_other_argument_is_another_world(other):
    assert digest(World(*other).day(3)) != digest(World(5, 40, 20, 90.0).day(3))


def test_times_and_ids_grow_strictly_by_whole_microseconds_within_and_across_days():
    crowded = simulate(3, customers=50, per_day=200_000)  # several a second

    assert np.all(np.diff(crowded["event_time"]) > 0)
    assert np.all(np.diff(crowded["transaction_id"]) > 0)
    assert not (crowded["event_time"] % 1000).any()
    assert len(np.unique(crowded["event_time"] // 10**9)) < len(crowded["event_time"])


def test_about_480_payments_a_day_come_from_200_cards():
    assert 460 < len(simulate(50)["fraud"]) / 50 < 500


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"customers": 0}, r"0 customers.*1 or more"),
        ({"customers": 5, "terminals": 0}, r"0 terminals.*1 or more"),
        ({"customers": 5, "per_day": 1e7}, r"1e\+07 a day.*less than"),
    ],
)
def test_a_world_that_can_t_be_is_refused_with_what_was_needed(options, told):
    with pytest.raises(Refused, match=told):
        World(1, **options)


@pytest.mark.parametrize(("days", "first"), [(0, 0), (3, -1)])
def test_days_that_there_are_not_are_refused(days, first):
    with pytest.raises(Refused, match=f"{days} days from day {first}; 1 or more from day 0"):
        simulate(days, first_day=first)
