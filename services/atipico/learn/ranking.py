"""How well scores put anomalies first, in numpy alone: the figures of training and of `atipico evaluate`."""

from __future__ import annotations

import numpy as np


def auc(scores: np.ndarray, anomalies: np.ndarray) -> float | None:
    """The share of pairs of an anomaly and a usual sample in which the anomaly scores higher; a tie counts half.

    scores: float64 (n,); anomalies: bool (n,). None where one of the two kinds is missing. (Hanley and McNeil 1982)
    """
    above, many = int(anomalies.sum()), len(anomalies)
    if not 0 < above < many:
        return None
    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # 1 for the lowest; the mean of those that tie
    return float((ranks[which][anomalies].sum() - above * (above + 1) / 2) / (above * (many - above)))


def average_precision(scores: np.ndarray, anomalies: np.ndarray) -> float | None:
    """The precision at each score that occurs, from the highest on, weighted by the recall that it adds.

    None where there is no anomaly. Samples that tie are found together, so that their order never matters.
    """
    if not anomalies.any():
        return None
    occurring, which = np.unique(-scores, return_inverse=True)
    reached = np.cumsum(np.bincount(which, minlength=len(occurring)))
    hits = np.bincount(which, weights=anomalies, minlength=len(occurring))
    return float((np.cumsum(hits) / reached * hits).sum() / hits.sum())
