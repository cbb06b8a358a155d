"""From which score on a sample raises an alert: as many as a period may have, or as few as they cost least."""

from __future__ import annotations

import numpy as np


def by_budget(scores: np.ndarray, period: np.ndarray, most: int) -> float:
    """The lowest threshold that at most so many scores of each of these periods reach; scores, period: (n,), 0..1."""
    first_too_many = -np.inf
    for one in np.unique(period):
        here = scores[period == one]
        if len(here) > most:
            first_too_many = max(first_too_many, np.partition(here, -most - 1)[-most - 1])
    return _above(np.unique(scores), first_too_many)


def by_cost(scores: np.ndarray, label: np.ndarray, missed: float, false_alert: float) -> float:
    """The threshold at which the anomalies (label 1) below it and the others at or above it cost least together."""
    occurring, which = np.unique(scores, return_inverse=True)
    anomalies = np.bincount(which, label == 1, len(occurring))
    usual = np.bincount(which, label != 1, len(occurring))
    # Entry i: what it costs to alert from occurring[i] on; the last one: never.
    cost = missed * np.append(0, anomalies.cumsum()) + false_alert * np.append(usual[::-1].cumsum()[::-1], 0)
    best = int(np.flatnonzero(cost == cost.min())[-1])
    return _above(occurring, occurring[best - 1] if best else -np.inf)


def _above(occurring: np.ndarray, below: float) -> float:
    """Half way between the score `below` and the next that occurs, so that the last bits of a score never decide."""
    next_one = int(np.searchsorted(occurring, below, side="right"))
    above = float(occurring[next_one]) if next_one < len(occurring) else 1.0
    middle = (max(below, 0.0) + above) / 2
    return middle if middle > below else float(min(1.0, np.nextafter(below, 2.0)))
