"""How good scores are: over all samples, by period, by kind, and among those that people have time to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from atipico.learn.calendar import DAY, Span
from atipico.learn.ranking import auc, average_precision

Figures = dict[str, Any]


def figures(
    scores: np.ndarray,
    label: np.ndarray,
    period: np.ndarray,
    span: Span,
    keys: np.ndarray | None,
    k: int,
    threshold: float,
    kind: np.ndarray | None = None,
    alerts_by_period: list[int] | None = None,
) -> Figures:
    """Everything that is told of one span.

    scores: float64 (n,); label: 1 or 0 (n,); period, keys, kind: (n,), see `precision_at_k`; span: all that was
    judged. "by_period" holds a list a figure, one entry a period, None where there are no samples or anomalies for it;
    "spread" the standard deviation of those. alerts_by_period: where there were more samples than are judged.
    """
    anomalies, above = label == 1, scores >= threshold
    each = [period == one for one in range(span.start, span.stop)]
    many = np.array(alerts_by_period or alerts(scores, period, threshold, span))
    found = dict(zip(np.unique(period).tolist(), precision_at_k(scores, label, period, keys, k).tolist(), strict=True))
    by_period = {
        "auc": [auc(scores[here], anomalies[here]) for here in each],
        "average_precision": [average_precision(scores[here], anomalies[here]) for here in each],
        "precision_at_k": [found.get(one) for one in range(span.start, span.stop)],
        "alerts_per_day": (many * (DAY / span.length)).tolist(),
    }
    return {
        "samples": len(scores),
        "anomalies": int(anomalies.sum()),
        "auc": auc(scores, anomalies),
        "average_precision": average_precision(scores, anomalies),
        "precision_at_k": float(np.mean(list(found.values()))),
        "alerts_per_day": float(np.mean(by_period["alerts_per_day"])),
        "precision": float((above & anomalies).sum() / max(1, above.sum())),
        "recall": float(above[anomalies].mean()) if anomalies.any() else None,
        "spread": {name: spread(values) for name, values in by_period.items()},
        "by_period": by_period,
        "by_kind": {} if kind is None else by_kind(scores, anomalies, kind, threshold),
    }


def alerts(scores: np.ndarray, period: np.ndarray, threshold: float, span: Span) -> list[int]:
    """How many samples of each period of a span, in their order, reach the threshold."""
    above = period[scores >= threshold] - span.start
    return [int(many) for many in np.bincount(above, minlength=span.stop - span.start)]


def precision_at_k(
    scores: np.ndarray, label: np.ndarray, period: np.ndarray, keys: np.ndarray | None, k: int
) -> np.ndarray:
    """Of the k most suspicious keys of each period the share that truly has an anomaly in it, float64 (periods,).

    A key's score is its largest of the period; one that was found is not looked at in later ones. keys: int (n,);
    None takes each sample for itself. Among equal scores the smaller key comes first.
    """
    keys = np.arange(len(scores)) if keys is None else keys
    found, shares = np.zeros(int(keys.max(initial=-1)) + 1, dtype=bool), []
    for one in np.unique(period):
        here = (period == one) & ~found[keys]
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


def over_spans(spans: list[Figures]) -> Mapping[str, Mapping[str, float | None]]:
    """Mean and standard deviation of each figure over several spans."""
    names = ("auc", "average_precision", "precision_at_k", "alerts_per_day", "precision", "recall")
    told = {}
    for name in names:
        known = [span[name] for span in spans if span[name] is not None]
        told[name] = {"mean": float(np.mean(known)) if known else None, "spread": spread(known)}
    return told
