"""Where in growing values a bound is passed, for many rows at once."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from atipico.features.keys import Keyed

_FEW = 128  # rows that are looked up one by one


def first_after(values: np.ndarray, low: np.ndarray, high: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """For each row the first place in [low, high), where values grow, whose value is above its bound; else high."""
    if len(low) <= _FEW:
        seen = memoryview(values)  # type: ignore[arg-type]
        rows = zip(bound.tolist(), low.tolist(), high.tolist(), strict=True)
        return np.array([bisect_right(seen, most, a, b) if a < b else a for most, a, b in rows], dtype=np.int64)
    known = low - 1  # up to here they are not above
    step = 1 << int((high - low).max()).bit_length()
    while step := step >> 1:
        probe = known + step
        below = values.take(probe, mode="clip") <= bound
        below &= probe < high
        known += step * below
    known += 1
    return known


def first_after_by_key(
    values: np.ndarray, low: np.ndarray, high: np.ndarray, bound: np.ndarray, keyed: Keyed
) -> np.ndarray:
    """The same for rows by key, where low, high and bound grow from one of a key to its next: what is found for a
    key's first and last one is the range for those between."""
    if 2 * len(keyed.keys) > len(bound):
        return first_after(values, low, high, bound)
    first, last = keyed.first, keyed.first + keyed.counts - 1
    least = first_after(values, low[first], high[first], bound[first])
    most = first_after(values, least, high[last], bound[last])
    return first_after(values, np.maximum(low, keyed.each(least)), np.minimum(high, keyed.each(most)), bound)
