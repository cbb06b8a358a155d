"""How good a score is: over all, by kind of anomaly, and at the threshold that a budget of alerts gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from atipico.learn.ranking import auc, average_precision


def threshold_for(scores: np.ndarray, budget: float) -> float:
    """A threshold that at most a share `budget` of these samples, float64 (m,), reaches; at most 1.

    It lies half way between two scores that occur, so that the last bits of a score never decide.
    """
    occurring, many = np.unique(scores, return_counts=True)
    reached = many[::-1].cumsum()[::-1] / len(scores)  # the share at or above each
    first = int(np.searchsorted(-reached, -budget))
    above = float(occurring[first]) if first < len(occurring) else 1.0
    below = float(occurring[first - 1]) if first else above
    return float(f"{(below + above) / 2:.6g}")


def measure(scores: np.ndarray, kinds: np.ndarray, names: Mapping[int, str], threshold: float) -> dict[str, float]:
    """AUC, average precision and what the threshold finds, over all kinds of anomaly and for each beside the usual.

    scores: float64 (m,). kinds: int (m,), 0 for usual. names: kind -> name. A kind that does not occur is left out.
    """
    usual, alerts = kinds == 0, scores >= threshold
    found = {
        "alerts": float(alerts.mean()),
        "precision": float((alerts & ~usual).sum() / max(1, alerts.sum())),
        "anomalies": float((~usual).mean()),
    }
    for name, of_kind in {"all": ~usual, **{name: kinds == kind for kind, name in names.items()}}.items():
        if of_kind.any():
            beside = usual | of_kind
            rated = {rate.__name__: rate(scores[beside], of_kind[beside]) for rate in (auc, average_precision)}
            found |= {f"{figure}_{name}": value for figure, value in rated.items() if value is not None}
            found[f"recall_{name}"] = float(alerts[of_kind].mean())
    return {name: round(value, 4) for name, value in found.items()}
