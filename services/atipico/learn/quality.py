"""How good scores are: over all samples, by day, by kind, and among those that people have time to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from atipico.learn.ranking import auc, average_precision

Figures = dict[str, Any]


def figures(
    scores: np.ndarray,
    label: np.ndarray,
    day: np.ndarray,
    keys: np.ndarray | None,
    k: int,
    threshold: float,
    kind: np.ndarray | None = None,
    alerts_of_days: list[int] | None = None,
) -> Figures:
    """Everything that is told of one span of test days.

    scores: float64 (n,); label: 1 or 0 (n,); day, keys, kind: (n,), see `precision_at_k`. "by_day" holds a list a
    figure, one entry a day, None where a day has no anomaly; "spread" the standard deviation of those over days.
    alerts_of_days: where days had more samples than are judged.
    """
    anomalies, alerts = label == 1, scores >= threshold
    days = np.unique(day)
    by_day = {
        "auc": [auc(scores[day == one], anomalies[day == one]) for one in days],
        "average_precision": [average_precision(scores[day == one], anomalies[day == one]) for one in days],
        "precision_at_k": precision_at_k(scores, label, day, keys, k).tolist(),
        "alerts_per_day": alerts_of_days or alerts_by_day(scores, day, threshold),
    }
    return {
        "samples": len(scores),
        "anomalies": int(anomalies.sum()),
        "auc": auc(scores, anomalies),
        "average_precision": average_precision(scores, anomalies),
        "precision_at_k": float(np.mean(by_day["precision_at_k"])),
        "alerts_per_day": float(np.mean(by_day["alerts_per_day"])),
        "precision": float((alerts & anomalies).sum() / max(1, alerts.sum())),
        "recall": float(alerts[anomalies].mean()) if anomalies.any() else None,
        "spread": {name: spread(values) for name, values in by_day.items()},
        "by_day": by_day,
        "by_kind": {} if kind is None else by_kind(scores, anomalies, kind, threshold),
    }


def alerts_by_day(scores: np.ndarray, day: np.ndarray, threshold: float) -> list[int]:
    """How many samples of each day, in the order of days, reach the threshold."""
    return [int((scores[day == one] >= threshold).sum()) for one in np.unique(day)]


def precision_at_k(
    scores: np.ndarray, label: np.ndarray, day: np.ndarray, keys: np.ndarray | None, k: int
) -> np.ndarray:
    """Of the k most suspicious keys of each day the share that truly has an anomaly that day, float64 (days,).

    A key's score is its largest of the day; one that was found is not looked at on later days. keys: int (n,);
    None takes each sample for itself. Among equal scores the smaller key comes first.
    """
    keys = np.arange(len(scores)) if keys is None else keys
    found, shares = np.zeros(int(keys.max(initial=-1)) + 1, dtype=bool), []
    for one in np.unique(day):
        here = (day == one) & ~found[keys]
        who, which = np.unique(keys[here], return_inverse=True)
        most, truth = np.full(len(who), -np.inf), np.zeros(len(who), dtype=bool)
        np.maximum.at(most, which, scores[here])
        np.logical_or.at(truth, which, label[here] == 1)
        first = np.argsort(-most, kind="stable")[:k]
        hit = who[first[truth[first]]]
        found[hit] = True
        shares.append(len(hit) / k)
    return np.array(shares)


def by_kind(scores: np.ndarray, anomalies: np.ndarray, kind: np.ndarray, threshold: float) -> dict[str, Figures]:
    """For each kind of anomaly: how many, those above the threshold, those among the first, and its AUC.

    among_first: of as many samples as there are anomalies, those of the highest scores. AUC: beside the usual ones.
    """
    first = np.zeros(len(scores), dtype=bool)
    first[np.argsort(-scores, kind="stable")[: int(anomalies.sum())]] = True
    told = {}
    for name in np.unique(kind[anomalies]).tolist():
        of_kind = anomalies & (kind == name)
        beside = of_kind | ~anomalies
        told[name or "unnamed"] = {
            "samples": int(of_kind.sum()),
            "recall": float((scores[of_kind] >= threshold).mean()),
            "among_first": float(first[of_kind].mean()),
            "auc": auc(scores[beside], of_kind[beside]),
        }
    return told


def spread(values: list[float | None]) -> float | None:
    """The standard deviation (n - 1) of those that are known, None below two."""
    known = [value for value in values if value is not None]
    return float(np.std(known, ddof=1)) if len(known) > 1 else None


def over_weeks(weeks: list[Figures]) -> Mapping[str, Mapping[str, float | None]]:
    """Mean and standard deviation of each figure over several spans of test days."""
    names = ("auc", "average_precision", "precision_at_k", "alerts_per_day", "precision", "recall")
    told = {}
    for name in names:
        known = [week[name] for week in weeks if week[name] is not None]
        told[name] = {"mean": float(np.mean(known)) if known else None, "spread": spread(known)}
    return told
