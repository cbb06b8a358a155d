"""The pictures of a run, as PNG: precision and recall, scores, precision@k by period, what the estimators look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atipico.learn.ensembles import Member

MOST_FEATURES = 30  # drawn; the rest matter less


def draw(
    folder: Path,
    scores: np.ndarray,
    label: np.ndarray,
    told: dict[str, Any],
    periods: str,
    threshold: float,
    columns: Sequence[str],
    members: Sequence[Member],
) -> None:
    """Write four pictures into a run's folder.

    scores, label: those of the test, (n,). told: its figures, as run.json has them. periods: what they are called.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures: dict[str, Callable[[Any], None]] = {
        "precision-recall": lambda axes: precision_recall(axes, scores, label, told, threshold),
        "scores": lambda axes: scores_of_both(axes, scores, label, threshold),
        "precision-at-k": lambda axes: by_period(axes, told, periods),
        "importance": lambda axes: _importance(axes, columns, members),
    }
    for name, paint in pictures.items():
        figure = Figure(figsize=(7, 5), layout="constrained")  # and not pyplot, which keeps every figure
        FigureCanvasAgg(figure)
        paint(figure.add_subplot())
        figure.savefig(folder / f"{name}.png", dpi=110)


def precision_recall(axes: Any, scores: np.ndarray, label: np.ndarray, told: dict[str, Any], threshold: float) -> None:
    from sklearn.metrics import precision_recall_curve

    if not (label == 1).any():
        return _nothing(axes, "no anomaly among the test's samples")
    precision, recall, at = precision_recall_curve(label == 1, scores)
    axes.step(recall, precision, where="post")
    here = min(int(np.searchsorted(at, threshold)), len(recall) - 1)
    axes.plot(recall[here], precision[here], "o", label=f"threshold {threshold:.3g}")
    chance = float((label == 1).mean())
    axes.axhline(chance, linestyle=":", color="black", linewidth=1, label=f"by chance {chance:.2%}")
    title = f"Precision and recall: average precision {told['average']['average_precision']:.3f}"
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02), title=title)
    axes.legend()


def scores_of_both(axes: Any, scores: np.ndarray, label: np.ndarray, threshold: float) -> None:
    bins = np.linspace(0, 1, 51)
    for of, name in ((label != 1, "usual"), (label == 1, "anomalies")):
        axes.hist(scores[of], bins, histtype="step", label=f"{name} ({int(of.sum())})", log=True)
    axes.axvline(threshold, linestyle="--", color="black", linewidth=1, label=f"threshold {threshold:.3g}")
    axes.set(xlabel="score", ylabel="samples", title="Scores")
    axes.legend()


def by_period(axes: Any, told: dict[str, Any], periods: str) -> None:
    values, mean = told["average"]["by_period"]["precision_at_k"], told["average"]["precision_at_k"]
    axes.bar(range(1, len(values) + 1), [value or 0.0 for value in values])
    axes.axhline(mean, linestyle="--", color="black", linewidth=1, label=f"mean {mean:.3f}")
    name = f"precision@{told['k']}"
    axes.set(xlabel=f"{periods} of the test, {told['span']}", ylabel=name, title=f"{name.capitalize()} over {periods}")
    axes.legend()


def _importance(axes: Any, columns: Sequence[str], members: Sequence[Member]) -> None:
    known = [(one.share, shares) for one in members if (shares := importance(one.estimator, len(columns))) is not None]
    if not known:
        return _nothing(axes, "these estimators do not tell what they look at")
    mean = np.sum([share * of for share, of in known], axis=0) / sum(share for share, _ in known)
    order = np.argsort(mean)[-MOST_FEATURES:]
    axes.barh([columns[at] for at in order], mean[order])
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="share of the gain in the training", title="What the estimators look at")


def importance(estimator: Any, columns: int) -> np.ndarray | None:
    """The share of each column in what the splits gained, float64 (k,); None where an estimator can't tell."""
    if hasattr(estimator, "feature_importance"):  # a LightGBM Booster
        gain: np.ndarray = np.asarray(estimator.feature_importance("gain"), dtype=np.float64)
    elif hasattr(estimator, "_predictors"):  # HistGradientBoosting tells none, but its nodes keep their gain
        nodes = np.concatenate([one.nodes for (one,) in estimator._predictors])
        nodes = nodes[nodes["is_leaf"] == 0]
        gain = np.bincount(nodes["feature_idx"].astype(np.int64), nodes["gain"], columns)
    elif hasattr(estimator, "feature_importances_"):
        gain = np.asarray(estimator.feature_importances_, dtype=np.float64)
    elif hasattr(estimator, "estimators_features_"):  # bagging tells none, but each of its estimators does
        gain = np.zeros(columns)
        for one, of in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
            np.add.at(gain, of, (one[-1] if hasattr(one, "steps") else one).feature_importances_)
    elif hasattr(estimator, "steps"):  # of scaled columns: the size of each coefficient
        gain = np.abs(estimator[-1].coef_[0])
    else:
        return None
    shares: np.ndarray = gain / max(float(gain.sum()), np.finfo(np.float64).tiny)
    return shares


def _nothing(axes: Any, why: str) -> None:
    axes.text(0.5, 0.5, why, ha="center", va="center")
    axes.set_axis_off()
