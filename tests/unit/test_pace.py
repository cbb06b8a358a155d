"""Gaps: samples that were due and did not come, counted for models and for detectors alike."""

from __future__ import annotations

import random
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico import pace
from atipico.agent.work import knowledge
from atipico.detectors.watch import Watch
from atipico.errors import Refused
from atipico.metrics import FORGOTTEN_KEYS, GAPS
from atipico.pace import Every, parse_every
from atipico.registry.jobs import load_job

S = 10**9
MODEL = 'model = "m"\n{every}\n[features]\nn = {{ count = "x", by = "pump", over = "60s" }}\n'
DETECTOR = '{every}\ndetector = {{ gaussian = "x", by = "pump", over = 8 }}\n'
NAMES = (f"gaps{number}" for number in count())


class Counted:
    """A job that samples are given to, (second, pump) or (second, pump, x), and its count of gaps."""

    def __init__(self, folder, text: str, every: str) -> None:
        self.name = next(NAMES)
        path = folder / f"{self.name}.toml"
        path.write_text('stream = "pumps"\nclock = "t"\n' + text.format(every=every))
        self.job = load_job(path)
        self.known = knowledge(self.job)

    def take(self, samples, plant: str = "") -> int:
        """All gaps so far, once these came too. plant: of all; each pump is one of its own unless given."""
        columns = {
            "t": [int(at * S) for at, *_ in samples],
            "pump": [pump for _, pump, *_ in samples],
            "x": [one[2] if len(one) > 2 else 1.0 for one in samples],
        }
        look = self.known.judge if isinstance(self.known, Watch) else self.known.rows
        look(columns["t"], [f"plant={plant or pump}" for pump in columns["pump"]], columns)
        return self.gaps

    @property
    def gaps(self) -> int:
        return int(GAPS.labels(self.name)._value.get())

    def started_again(self) -> None:
        """As if its process had gone, with what it kept on disk."""
        saved = self.known.save()
        self.known = knowledge(self.job)
        self.known.restore(saved)


@pytest.fixture(params=[MODEL, DETECTOR], ids=["model", "detector"])
def counted(request, tmp_path):
    return lambda every='every = "10s"': Counted(tmp_path, request.param, every)


def by_hand(samples) -> int:
    """Gaps of more than 15 s of each pump, looked for sample by sample."""
    gaps, furthest = 0, {}
    for at, pump, *_ in samples:
        gaps += at - furthest.get(pump, at) > 15
        furthest[pump] = max(at, furthest.get(pump, at))
    return gaps


def test_more_than_one_and_a_half_times_every_between_two_samples_of_a_series_is_a_gap(counted):
    job = counted()

    assert job.take([(0, "a"), (10, "a"), (25, "a"), (40, "a")]) == 0
    assert job.take([(55.1, "a")]) == 1
    assert job.take([(1000, "a")]) == 2, "one gap, however long"


def test_series_are_due_each_by_itself_and_none_before_its_first_sample(counted):
    job = counted()

    assert job.take([(0, "a"), (100, "b"), (110, "b")]) == 0
    assert job.take([(120, "a"), (120, "b")]) == 1


def test_a_field_may_say_whose_samples_are_due(counted):
    series, pumps = counted(), counted('every = { time = "10s", by = "pump" }')
    samples = [(0, "a"), (10, "b"), (20, "a"), (30, "b"), (40, "a")]

    assert series.take(samples, plant="1") == 0
    assert pumps.take(samples, plant="1") == 3


def test_without_the_setting_nothing_is_counted(counted):
    assert counted("").take([(0, "a"), (1000, "a")]) == 0


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([MODEL, DETECTOR]))
def test_the_count_is_the_same_in_any_blocks_and_over_restarts(tmp_path_factory, seed, size, text):
    rng, at, samples = random.Random(seed), 0, []
    for _ in range(60):
        at += rng.choice([0, 5, 10, 10, 16, 40])
        samples.append((max(0, at - rng.choice([0, 0, 0, 20, 60])), rng.choice("ab")))
    samples += rng.sample(samples, 5)  # repeats
    job = Counted(tmp_path_factory.mktemp("jobs"), text, 'every = "10s"')

    for start, stop in pairwise([*range(0, len(samples), size), len(samples)]):
        job.take(samples[start:stop])
        job.started_again()

    assert job.gaps == by_hand(samples)


def test_a_gap_stays_counted_when_late_samples_fill_it_and_is_counted_once_when_the_job_goes_back(counted):
    job = counted()
    job.take([(0, "a"), (10, "a")])
    kept = job.known.save()

    assert job.take([(40, "a"), (80, "a")]) == 2
    assert job.take([(20, "a"), (30, "a")]) == 2, "it was a gap when the one behind it came"
    job.known.restore(kept)
    assert job.take([(20, "a"), (30, "a"), (40, "a"), (80, "a")]) == 2
    assert job.take([(100, "a")]) == 3


def test_what_is_forgotten_has_no_gap_to_what_comes_next(counted):
    job = counted()
    job.take([(0, "a")])

    job.known.forget()

    assert job.take([(100, "a")]) == 0


def test_a_refused_sample_fills_no_gap(counted):
    assert counted().take([(0, "a"), (10, "a", None), (20, "a")]) == 1


def test_a_checkpoint_of_before_the_setting_is_taken_and_one_that_is_torn_changes_nothing(counted):
    job, before = counted(), counted("")
    before.take([(0, "a")])

    job.known.restore(before.known.save())
    assert job.take([(100, "a")]) == 0
    with pytest.raises(Refused):
        job.known.restore(job.known.save()[:-1])

    assert job.take([(200, "a")]) == 1


def test_keys_beyond_the_bound_are_forgotten_those_first_that_came_longest_ago(counted, monkeypatch):
    monkeypatch.setattr(pace, "MOST_KEYS", 20)
    job, forgotten = counted(), FORGOTTEN_KEYS._value.get()

    job.take([(number, f"pump{number}") for number in range(21)])

    assert FORGOTTEN_KEYS._value.get() == forgotten + 2
    assert job.take([(100, "pump0")]) == 0
    assert job.take([(100, "pump2"), (100, "pump20")]) == 2


@pytest.mark.parametrize(
    ("every", "why"),
    [
        (10, 'needed a duration such as "10s"'),
        ("10", "10"),
        ("0s", "a duration above 0"),
        ({"by": "pump"}, "needed a duration"),
        ({"time": "10s", "bye": "pump"}, "did you mean 'by'"),
        ({"time": "10s", "by": ""}, "needed a duration"),
    ],
)
def test_a_wrong_setting_says_what_was_needed(every, why):
    with pytest.raises(Refused, match=why):
        parse_every(every)


def test_the_setting_is_a_duration_or_a_duration_by_a_field():
    assert parse_every("90s") == Every(90 * S)
    assert parse_every({"time": "1m", "by": "pump"}) == Every(60 * S, "pump")
