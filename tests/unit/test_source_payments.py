"""The payments source: pure in its position, labels late and apart, three kinds of fraud."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.ports import Batch, Position
from atipico.sources import make
from atipico.sources.payments import Payments, simulate
from atipico.sources.payments_world import AMOUNT, CARD, DAY, GENUINE, TERMINAL, World


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


@settings(max_examples=30, deadline=None)
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


def test_one_to_two_percent_are_fraud_of_all_three_kinds():
    days = simulate(90, seed=5, customers=2000)

    shares = [float((days["scenario"] == kind).mean()) for kind in (GENUINE, AMOUNT, TERMINAL, CARD)]

    assert 0.01 < 1 - shares[GENUINE] < 0.02
    assert min(shares) > 0.002
    assert np.all(np.diff(days["event_time"]) > 0)
    assert days["amount"].min() > 0


def test_a_fallen_terminal_is_fraud_nearly_always_for_some_weeks_and_then_no_more():
    days = simulate(120, seed=5, customers=400)
    by_terminal = days["terminal"][days["scenario"] == TERMINAL]
    worst = np.bincount(by_terminal).argmax()

    at = days["terminal"] == worst
    day = (days["event_time"][at] - days["event_time"][0]) // DAY
    fraud = days["scenario"][at] == TERMINAL
    first, last = day[fraud].min(), day[fraud].max()

    assert 13 <= last - first < 29
    assert fraud[(day >= first) & (day <= last)].mean() > 0.8


def test_about_480_payments_a_day_come_from_200_cards():
    assert 460 < len(simulate(50)["fraud"]) / 50 < 500


def test_a_world_without_customers_is_refused_with_what_was_needed():
    with pytest.raises(Refused, match=r"0 customers.*1 or more"):
        World(1, 0)
