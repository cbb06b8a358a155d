"""What the ports promise beyond their types, as functions that any member of a shelf can be run through.

Each raises AssertionError with the promise that was broken. A new member is tested before it has a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from atipico.ports import LEARNED_AT_ONCE, Detector, Feature, Learner, Past, Scorer, Sink, Source
from atipico.wire.outcome_json import outcome_id
from atipico.wire.sample import Sample, Score, outcome

EVENT_TIME = "event_time"


def check_source(source: Source, most: int = 50) -> None:
    """A recorded source gives the same rows again from the same position, whatever was read meanwhile."""
    first = source.read({}, most)
    assert 0 < len(first.rows) <= most, f"the first read gave {len(first.rows)} rows of at most {most}"
    assert all(fields for _, fields in first.rows), "a row has no field"
    if source.live:
        return
    second = source.read(first.after, most)
    assert source.read({}, most) == first, "the start gave other rows the second time"
    assert source.read(first.after, most) == second, "the same position gave other rows the second time"
    halves = source.read({}, most // 2)
    rest = source.read(halves.after, most - most // 2)
    assert [*halves.rows, *rest.rows] == [*first.rows], "read in two pieces it gave other rows than at once"
    assert [*halves.labels, *rest.labels] == [*first.labels], "read in two pieces it gave other labels than at once"


def check_feature(feature: Feature, newest: np.ndarray, past: Past, **options: Any) -> None:
    """Finite for finite input from the first sample on, one number a sample, and nothing is changed."""
    given = newest.copy()
    told = feature(newest, past, **options)
    assert told.shape == newest.shape, f"shape {told.shape} for {newest.shape}"
    assert np.isfinite(told).all(), f"{told} is not finite everywhere"
    assert np.array_equal(newest, given), "the values were changed"
    assert np.array_equal(feature(newest, past, **options), told), "the past was changed, or something is remembered"


def check_scorer(scorer: Scorer, rows: np.ndarray) -> None:
    """One answer a row in their order, the same again, and the same for a row whatever stands beside it."""
    whole = scorer.score(rows)
    assert whole.scores.shape == (len(rows),), f"{whole.scores.shape} scores for {len(rows)} rows"
    assert set(np.flatnonzero(np.isnan(whole.scores))) == set(whole.refused), "refused rows and NaN scores differ"
    again = scorer.score(rows)
    assert np.array_equal(whole.scores, again.scores, equal_nan=True), "the same rows got other scores"
    alone = [scorer.score(rows[at : at + 1]).scores[0] for at in range(len(rows))]
    np.testing.assert_allclose(alone, whole.scores, atol=1e-6, err_msg="a row alone got another score than in a block")


def check_detector(make: Callable[[], Detector], n: int = 16) -> None:
    """Told are shares; scoring changes nothing; what was learned survives a restart to the last bit."""
    rng = np.random.default_rng(3)
    stream = 20.0 + np.sin(np.arange(12 * LEARNED_AT_ONCE) / 9) + rng.normal(0.0, 0.3, 12 * LEARNED_AT_ONCE)
    windows = _windows(stream, n)
    detector, blocks = make(), np.array_split(windows, 12)
    assert 1 <= detector.needs <= n, f"it needs {detector.needs} samples, windows have {n}"
    _check_shares(detector, n)
    if isinstance(detector, Learner):
        _check_memory(detector, make, blocks[1])
        for block in blocks[2:-1]:
            detector.learn(block)
        _check_shares(detector, n)
        _check_memory(detector, make, blocks[-1])
    given, before = blocks[-1].copy(), detector.score(blocks[-1])
    assert np.array_equal(detector.score(blocks[-1]), before), "the same windows got other shares the second time"
    assert np.array_equal(blocks[-1], given), "the windows were changed"
    alone = [detector.score(blocks[-1][at : at + 1])[0] for at in range(40)]
    np.testing.assert_allclose(
        alone, before[:40], atol=1e-9, err_msg="a window alone got another share than in a block"
    )
    spike = blocks[-1].copy()
    spike[:, -1] += 60.0
    assert detector.score(spike).mean() > before.mean(), "a leap of 200 spreads is no stranger than what is usual"


def _check_shares(detector: Detector, n: int) -> None:
    """Numbers from 0 to 1 for windows of few samples, of standing values, of leaps, of huge and of tiny values."""
    full = np.resize([1.0, 2.0, 1.0, 3.0, 2.0], (1, n))
    few = np.full_like(full, np.nan)
    few[:, -detector.needs :] = full[:, -detector.needs :]
    still, leap = np.full_like(full, 7.0), np.full_like(full, 7.0)
    leap[:, -1] = 7.5
    windows = np.concatenate([full, few, still, leap, 1e99 * full, -1e99 * leap, 1e-300 * full, 0.0 * full])
    told = detector.score(windows)
    assert told.shape == (len(windows),), f"{told.shape} shares for {len(windows)} windows"
    assert ((told >= 0.0) & (told <= 1.0)).all(), f"{told} are no shares: each must be a number from 0 to 1"


def _check_memory(detector: Learner, make: Callable[[], Detector], block: np.ndarray) -> None:
    again = make()
    assert isinstance(again, Learner)
    again.restore(detector.save())
    assert again.save() == detector.save(), "what was restored is saved as something else"
    for one in (detector, again):
        one.score(block[:100])  # must change nothing
        one.learn(block)
    assert np.array_equal(detector.score(block), again.score(block)), "after a restart it learns something else"


def _windows(stream: np.ndarray, n: int) -> np.ndarray:
    """The window of each value, (m, n), NaN before the first."""
    padded = np.concatenate([np.full(n - 1, np.nan), stream])
    return np.lib.stride_tricks.sliding_window_view(padded, n).copy()


def check_sink(make: Callable[[], Sink], arrived: Callable[[], Sequence[str]]) -> None:
    """Nothing is missing at the far side, in its order, whatever fails between a write and the note of its state.

    arrived: the ids of the outcomes there, in the order in which they came.
    """
    first, second, third = (_outcomes(10 * at) for at in range(3))
    sink = make()
    noted = sink.write(first) if sink.resume("") is not None else ""
    assert arrived() == [outcome_id(one) for one in first], "what was written has not arrived, once and in its order"
    sink.write(second)
    again = make()
    del sink  # it ended before its second state was noted
    again.resume(noted)
    again.write(second)
    again.write(third)
    found = list(dict.fromkeys(arrived()))
    assert found == [outcome_id(one) for one in (*first, *second, *third)], "after a restart something is missing"


def _outcomes(first: int) -> list[Sample]:
    samples = [
        Sample("pump", {"pump": f"p {at}"}, {}, 1_800_000_000_000_000_001 + at) for at in range(first, first + 10)
    ]
    return [outcome(sample, Score(0.5, 0.9, False, "m@1", True, 'say "why"'), "check") for sample in samples]
