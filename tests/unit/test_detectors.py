"""The detectors: what each finds, that its shares mean what they say, and what is kept of a stream by key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atipico.detectors import DETECTORS, make
from atipico.detectors.spec import parse_detector
from atipico.detectors.watch import Watch
from atipico.detectors.windows import Windows
from atipico.errors import Refused
from atipico.ports import LEARNED_AT_ONCE, Learner
from atipico.sources.series import Series

S = 10**9  # ns


def windows(stream: np.ndarray, n: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(stream, n)


def taught(kind: str, stream: np.ndarray, n: int):
    """A detector that has seen the stream as a job shows it."""
    detector = make(kind)
    if isinstance(detector, Learner):
        for first in range(0, len(stream) - n - LEARNED_AT_ONCE, LEARNED_AT_ONCE):
            detector.learn(windows(stream[first : first + LEARNED_AT_ONCE + n - 1], n))
    return detector


@pytest.fixture
def calm() -> np.ndarray:
    return np.random.default_rng(7).normal(20.0, 0.5, 12_000)


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_spike_scores_above_the_calm_before_it(kind, calm):
    detector = taught(kind, calm, 32)

    before = detector.score(calm[-32:][None])[0]
    spike = detector.score(np.append(calm[-31:], 35.0)[None])[0]

    assert before < 0.999 <= spike


@pytest.mark.parametrize("kind", DETECTORS)
@pytest.mark.parametrize("n", [16, 64])
def test_of_a_thousand_usual_samples_about_ten_have_more_than_a_share_of_99_percent(kind, n, calm):
    fresh = np.random.default_rng(8).normal(20.0, 0.5, 20_000)

    shares = taught(kind, calm, n).score(windows(fresh, n))

    assert 0.006 < (shares > 0.99).mean() < 0.014


@pytest.mark.parametrize("kind", ["gaussian", "median", "trend"])
def test_the_share_holds_also_while_only_few_values_are_known(kind):
    detector = make(kind)
    few = np.full((20_000, 64), np.nan)
    few[:, -detector.needs :] = np.random.default_rng(9).normal(size=(20_000, detector.needs))

    assert 0.006 < (detector.score(few) > 0.99).mean() < 0.014


def test_anomalies_in_the_window_hide_the_next_one_from_the_mean_and_not_from_the_median(calm):
    window = calm[:64].copy()
    window[[10, 30, 50]], window[-1] = 40.0, 30.0

    gaussian, median = (make(kind).score(window[None])[0] for kind in ("gaussian", "median"))

    assert gaussian < 0.999 < median


def test_a_steady_rise_is_usual_to_trend_and_its_end_is_not(calm):
    rise = np.arange(64) * 2.0 + calm[:64]
    stopped = np.append(rise[:-1], rise[-2])

    trend = make("trend").score(np.stack([rise, stopped]))

    assert trend[0] < 0.99 < 0.999 < trend[1]
    assert make("trend").score(np.stack([stopped]))[0] > make("gaussian").score(np.stack([stopped]))[0]


@pytest.mark.parametrize(("kind", "over"), [("forecast", 32), ("gaussian", 64), ("trend", 16)])
def test_spikes_drops_and_shifts_of_a_seasonal_series_are_found_with_few_false_ones(kind, over):
    source = Series(samples=30_000)
    batch = source.read({}, 30_000)
    watch = Watch(parse_detector({kind: "value", "over": over}))

    told = watch.judge(range(30_000), ["series-1"] * 30_000, {"value": [row["value"] for _, row in batch.rows]}).scores

    flagged, true = np.array([score.anomalous for score in told]), np.array([label.label for label in batch.labels])
    anomalies = [source.anomaly(stretch) for stretch in range(1, 15)]
    sudden = [one for one in anomalies if one.shape != "drift"]
    found = [one for one in sudden if flagged[one.start : one.start + one.length].any()]
    assert len(found) >= len(sudden) - 1 > 5
    assert flagged[true == 0].mean() < 0.007


def test_values_that_stand_still_are_usual_and_least_spread_says_from_when_on_a_change_matters():
    still, moved = np.full(32, 50.0), np.append(np.full(31, 50.0), 50.2)

    shares = {least: make("gaussian", least_spread=least).score(np.stack([still, moved])) for least in (0.0, 0.5)}

    assert shares[0.0].tolist() == [0.0, 1.0]
    assert shares[0.5][1] < 0.4


def test_of_several_fields_the_strangest_counts_and_no_more_are_flagged_for_it():
    rng, names = np.random.default_rng(4), ["a", "b", "c", "d"]
    columns = {name: rng.normal(size=20_000).tolist() for name in names}
    columns["b"][19_000] = 60.0
    watch = Watch(parse_detector({"gaussian": names, "over": 64, "threshold": 0.99}))

    told = watch.judge(range(20_000), [""] * 20_000, columns).scores

    assert 0.006 < np.mean([score.anomalous for score in told]) < 0.014
    assert told[19_000].why.startswith("b=60 (usual -")
    assert "a=" not in told[19_000].why


STREAM = parse_detector({"forecast": "x", "by": "key", "over": 8, "threshold": 0.9})


def some(m: int = 1500) -> tuple[list[int], list[str], dict[str, list]]:
    """Samples of five keys; some come late, some twice, some lack the field."""
    rng = np.random.default_rng(6)
    times = [at * S - (7 * S if at % 50 == 9 else 0) for at in range(m)]
    for at in range(20, m, 97):
        times[at] = times[at - 5]  # a repeat, of the same key
    values = [None if at % 40 == 3 else float(v) for at, v in enumerate(rng.normal(size=m).cumsum())]
    return times, ["s"] * m, {"x": values, "key": [at % 5 for at in range(m)]}


def cut(given, first: int, last: int):
    times, groups, columns = given
    return times[first:last], groups[first:last], {name: of[first:last] for name, of in columns.items()}


@pytest.mark.parametrize("kind", DETECTORS)
@pytest.mark.parametrize("size", [1, 7, 256, 1000])
def test_the_blocks_that_samples_come_in_do_not_show(kind, size):
    spec, given = parse_detector({kind: "x", "by": "key", "over": 32, "threshold": 0.9}), some()
    whole = Watch(spec).judge(*given).scores
    watch = Watch(spec)

    pieces = [score for at in range(0, 1500, size) for score in watch.judge(*cut(given, at, at + size)).scores]

    assert [one[1:] for one in pieces] == [one[1:] for one in whole]
    np.testing.assert_allclose([one.score for one in pieces], [one.score for one in whole], atol=1e-9)
    assert {one.anomalous for one in whole} == {one.scored for one in whole} == {True, False}


@pytest.mark.parametrize("at", [1, 300, 777])
def test_what_was_saved_goes_on_as_if_nothing_had_been(at):
    whole, watch, again = Watch(STREAM).judge(*some()).scores, Watch(STREAM), Watch(STREAM)
    watch.judge(*cut(some(), 0, at))

    again.restore(watch.save())

    assert again.judge(*cut(some(), at, 1500)).scores == whole[at:]
    assert again.save() != watch.save()


def test_the_control_a_watch_that_forgot_goes_on_otherwise():
    whole, forgetful = Watch(STREAM).judge(*some()).scores, Watch(STREAM)
    forgetful.judge(*cut(some(), 0, 777))

    forgetful.forget()

    assert forgetful.judge(*cut(some(), 777, 1500)).scores != whole[777:]


def watched(over: int = 8, **more) -> Watch:
    return Watch(parse_detector({"gaussian": "x", "over": over, **more}))


def told(watch: Watch, *samples: tuple[int, float | None]) -> list:
    return watch.judge([time for time, _ in samples], ["s"] * len(samples), {"x": [x for _, x in samples]}).scores


def test_a_late_sample_is_seen_beside_those_before_it_and_enters_the_window_where_it_belongs():
    watch, late = watched(), watched()
    samples = [(at * S, float(at % 3)) for at in range(20)]

    in_order = told(watch, *samples)
    others = told(late, *samples[:15], *samples[16:18])
    last = late.judge([15 * S, 18 * S, 19 * S], ["s"] * 3, {"x": [samples[at][1] for at in (15, 18, 19)]})
    others += last.scores

    assert others[17] == in_order[15]
    assert others[18:] == in_order[18:]
    assert last.late == {0: 2 * S}


@given(st.lists(st.integers(0, 40), unique=True, min_size=1, max_size=40), st.data())
def test_a_window_is_the_samples_before_in_their_order_however_late_they_come(times, data):
    over, came = data.draw(st.integers(1, 5)), {}
    windows = Windows(over)

    for time in times:
        if came and time < max(came) - over:  # later than what is kept may be is another story
            continue
        row, came[time] = np.full(over, np.nan), float(time) / 2
        assert windows.push("key", time, 0, 0, came[time], row) == sum(other > time for other in came)
        before = [came[at] for at in sorted(came) if at <= time][-over:]
        assert row[over - len(before) :].tolist() == before
        assert np.isnan(row[: over - len(before)]).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("kind", DETECTORS)
def test_no_value_however_strange_gives_a_warning_or_what_is_no_share(kind):
    watch = Watch(parse_detector({kind: "x", "over": 20}))
    odd = [0.0, 3.0, 0.1, 1e100, -1e100, 5e-324, 0.1, 3, True, 1e-300, 7.0]

    outcomes = told(
        watch, *[(at * S, odd[at // 41 % len(odd)] if at % 41 < 30 else odd[at % 11]) for at in range(2000)]
    )

    assert all(score.scored for score in outcomes)


def test_a_repeat_takes_the_place_of_the_sample_that_it_repeats():
    watch, once = watched(), watched()
    samples = [(at * S, float(at % 3)) for at in range(20)]

    expected = told(once, *samples)
    repeated = told(watch, *samples[:15], (14 * S, 900.0), samples[14], *samples[15:])

    assert repeated[15].anomalous
    assert repeated[16:] == expected[14:]


def test_a_key_with_too_few_samples_is_scored_as_usual_and_says_how_many_are_known():
    outcomes = told(watched(), *[(at * S, float(at)) for at in range(9)])

    assert [score.scored for score in outcomes] == [True] * 9
    assert [score.score for score in outcomes[:7]] == [0.0] * 7
    assert outcomes[2].why == "3 of 8 samples known"
    assert outcomes[8].score > 0.0
    assert outcomes[8].why == ""


@pytest.mark.parametrize(
    ("value", "why"), [(None, "x is missing"), (float("nan"), "nan"), (1e200, "1e+200"), ("7", "'7'")]
)
def test_a_sample_without_a_number_is_unscored_and_enters_no_window(value, why):
    watch, clean = watched(), watched()
    before, after = [(at * S, float(at % 4)) for at in range(10)], (11 * S, 2.0)

    bad = told(watch, *before, (10 * S, value), after)
    good = told(clean, *before, after)

    assert not bad[10].scored
    assert why in bad[10].why
    assert [*bad[:10], bad[11]] == good


def test_the_windows_run_on_the_jobs_clock_and_a_sample_without_it_is_unscored():
    watch = Watch(parse_detector({"gaussian": "x", "over": 8}), clock="event_time")
    columns = {"x": [float(at % 3) for at in range(12)], "event_time": [*range(11), None]}
    shuffled = [3, 1, 0, 2, *range(4, 11), 11]
    given = {name: [values[at] for at in shuffled] for name, values in columns.items()}

    outcomes = watch.judge(range(12), ["s"] * 12, given).scores

    earlier = watched().judge(range(11), ["s"] * 11, columns | {"x": columns["x"][:11]}).scores
    assert outcomes[10] == earlier[10]._replace(version=outcomes[10].version)


def test_a_detector_that_fails_on_a_sample_costs_its_neighbours_nothing(monkeypatch):
    class Picky:
        needs = 2

        def score(self, windows):
            if (windows[:, -1] == 13.0).any():
                raise ZeroDivisionError("unlucky")
            return np.where(windows[:, -1] == 17.0, np.nan, 0.5)

    monkeypatch.setattr("atipico.detectors.DETECTORS", {"gaussian": Picky})
    outcomes = told(
        Watch(STREAM._replace(kind="gaussian", fields=("x",), by="")), *[(at, float(at)) for at in range(20)]
    )

    assert [at for at, score in enumerate(outcomes) if not score.scored] == [13, 17]
    assert outcomes[13].why == "detector gaussian failed on field x: ZeroDivisionError: unlucky"
    assert "no share" in outcomes[17].why


def test_a_checkpoint_of_another_detector_or_a_torn_one_is_refused_and_changes_nothing():
    watch, other = watched(), watched(over=9)
    told(watch, *[(at, float(at)) for at in range(9)])
    before = watch.save()

    with pytest.raises(Refused, match="checkpoint is of gaussian@"):
        watch.restore(other.save())
    with pytest.raises(Refused, match="can't be read"):
        watch.restore(before[:-5])

    assert watch.save() == before


def test_keys_that_sleep_longest_are_forgotten_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr("atipico.detectors.windows.MOST_VALUES", 3 * 8 * 10)
    watch = watched(by="key")

    for at in range(40):
        watch.judge([at], ["s"], {"x": [1.0], "key": [at]})
    told = watch.judge([41, 42], ["s"] * 2, {"x": [1.0, 1.0], "key": [39, 0]}).scores

    assert [score.why for score in told] == ["2 of 8 samples known", "1 of 8 samples known"]


def test_another_setting_is_another_version_and_another_threshold_is_not():
    declared = {"gaussian": "x", "over": 8}
    same, other = (parse_detector(declared | more).version for more in ({"threshold": 0.5}, {"over": 9}))

    assert parse_detector(declared).version == same != other
    assert same.startswith("gaussian@")
