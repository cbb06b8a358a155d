"""The series source: pure in its index, its anomalies where it says they are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.errors import Refused
from atipico.sources import make
from atipico.sources.series import SHAPES, Series


@settings(max_examples=50)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=5), st.sampled_from([0, 30]))
def test_a_series_read_in_pieces_is_the_series_read_at_once(pieces, delay):
    options = {"every": 300, "label_delay": delay}
    at_once = make("series", **options).read({}, sum(pieces))

    position, rows, labels = {}, [], []
    for piece in pieces:
        batch = make("series", **options).read(position, piece)
        rows, labels, position = rows + list(batch.rows), labels + list(batch.labels), batch.after

    assert (rows, labels, position) == (at_once.rows, at_once.labels, at_once.after)


def test_labels_say_where_the_anomalies_are_and_only_there():
    series = Series(every=200)
    places = [series.anomaly(stretch) for stretch in range(20)]

    labels = series.read({}, 20 * 200).labels

    marked = {i for place in places if place for i in range(place.start, place.start + place.length)}
    assert {label.id for label in labels if label.label} == marked
    assert {place.shape for place in places if place} == set(SHAPES)
    assert [label.id for label in labels] == list(range(4000))


def test_the_series_leaves_its_usual_band_within_an_anomaly_and_not_elsewhere():
    series = Series(every=500, noise=0.01)
    batch = series.read({}, 10_000)
    values = [fields["value"] for _, fields in batch.rows]
    calm = [value for value, label in zip(values, batch.labels, strict=True) if not label.label]

    assert 20 - 6.3 < min(calm) < max(calm) < 20 + 6.3  # level and 1.25 amplitudes of 5, and the noise
    for place in filter(None, map(series.anomaly, range(20))):
        strange, usual = values[place.start + place.length - 1], _without_anomaly(place.start + place.length - 1)
        assert strange - usual == pytest.approx(place.size, abs=0.1)


def _without_anomaly(index: int) -> float:
    """The same value in a world whose first stretch, the calm one, reaches that far."""
    return Series(every=20_000, noise=0.0).read({"index": index}, 1).rows[0][1]["value"]


def test_a_label_waits_its_delay_and_is_never_in_the_sample():
    batch = Series(label_delay=10).read({}, 25)

    assert [label.id for label in batch.labels] == list(range(15))
    assert all(fields.keys() == {"sample_id", "value"} for _, fields in batch.rows)


def test_a_series_of_so_many_samples_ends():
    series = Series(samples=7)

    assert [len(series.read({"index": at}, 5).rows) for at in (0, 5, 7)] == [5, 2, 0]


def test_names_are_tags_and_seeds_give_other_noise():
    one, other = (Series(seed=seed, name=f"s{seed}").read({}, 50).rows for seed in (1, 2))

    assert one[0][0] == {"series": "s1"}
    assert all(a[1]["value"] != b[1]["value"] for a, b in zip(one, other, strict=True))


def test_a_stretch_too_short_for_its_anomaly_is_refused():
    with pytest.raises(Refused, match="every 50"):
        Series(every=50)


def test_every_anomaly_lies_within_its_stretch():
    series = Series(every=100)

    for stretch in itertools.islice(itertools.count(1), 200):
        place = series.anomaly(stretch)
        assert stretch * 100 <= place.start
        assert place.start + place.length <= (stretch + 1) * 100
