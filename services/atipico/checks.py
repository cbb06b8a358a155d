"""What the ports promise beyond their types, as functions that any member of a shelf can be run through.

Each raises AssertionError with the promise that was broken. A new member is tested before it has a test.
"""

from __future__ import annotations

import numpy as np

from atipico.ports import Feature, Past, Scorer, Source

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


def check_feature(feature: Feature) -> None:
    """Finite for finite input from the first sample on, one number a sample, and nothing is changed."""
    newest = np.array([0.0, 1.0, -5.0, 1e300, 3.0, 3.0])
    past = Past(
        np.array([0.0, 1.0, 2.0, 9.0, 2.0, 2.0]),
        np.array([np.nan, 0.0, 0.0, 1e-300, 3.0, 2.0]),
        np.array([np.nan, np.nan, 0.0, 1e-300, 0.0, 0.0]),
    )
    given_newest, given_past = newest.copy(), [part.copy() for part in past]
    told = feature(newest, past)
    assert told.shape == newest.shape, f"shape {told.shape} for {newest.shape}"
    assert np.isfinite(told).all(), f"{told} is not finite everywhere"
    assert np.array_equal(newest, given_newest), "the values were changed"
    unchanged = (np.array_equal(a, b, equal_nan=True) for a, b in zip(past, given_past, strict=True))
    assert all(unchanged), "the past was changed"


def check_scorer(scorer: Scorer, rows: np.ndarray) -> None:
    """One answer a row in their order, the same again, and the same for a row whatever stands beside it."""
    whole = scorer.score(rows)
    assert whole.scores.shape == (len(rows),), f"{whole.scores.shape} scores for {len(rows)} rows"
    assert set(np.flatnonzero(np.isnan(whole.scores))) == set(whole.refused), "refused rows and NaN scores differ"
    again = scorer.score(rows)
    assert np.array_equal(whole.scores, again.scores, equal_nan=True), "the same rows got other scores"
    alone = [scorer.score(rows[at : at + 1]).scores[0] for at in range(len(rows))]
    np.testing.assert_allclose(alone, whole.scores, atol=1e-6, err_msg="a row alone got another score than in a block")
