"""Fitted estimators, and weighted means of them, as one ONNX graph in float64 that gives their own numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from atipico.learn import tree_readers
from atipico.learn.graph import ROWS, SCORE, Graph


class Average(NamedTuple):
    """A weighted mean of fitted classifiers that is itself one. shares: their weights, adding up to 1."""

    members: Sequence[Any]
    shares: Sequence[float]

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """rows: float64 (m, k). Returns float64 (m, 2), as scikit-learn does."""
        likely = np.sum([share * _own(one, rows) for one, share in zip(*self, strict=True)], axis=0)
        return np.column_stack([1 - likely, likely])

    def compiled(self, columns: int) -> bytes:
        return compile_average(self.members, columns, self.shares)


def _own(member: Any, rows: np.ndarray) -> np.ndarray:
    booster = getattr(member, "booster_", member)  # LightGBM's class for scikit-learn warns about names of columns
    if _is_lightgbm(booster):
        return np.asarray(booster.predict(rows), dtype=np.float64)
    return np.asarray(member.predict_proba(rows), dtype=np.float64)[:, 1]


def compile_average(members: Sequence[Any], columns: int, shares: Sequence[float] | None = None) -> bytes:
    """The graph of a weighted mean of what fitted estimators give, in float64: rows (m, columns) -> (m, 1).

    members: LogisticRegression behind a StandardScaler or alone, RandomForest, ExtraTrees, HistGradientBoosting,
    LightGBM, each of two classes (its probability of the second), IsolationForest. shares: their weights, adding up
    to 1; equal unless given. Raises ValueError for any other, or a tree that is not made of thresholds.
    """
    shares = [1 / len(members)] * len(members) if shares is None else shares
    graph = Graph()
    parts = [_column(graph, member) for member in members]
    if len(parts) == 1:
        graph.step("Identity", parts[0], out=SCORE)
    else:
        weighted = [graph.step("Mul", part, graph.number(share)) for part, share in zip(parts, shares, strict=True)]
        graph.step("Sum", *weighted, out=SCORE)
    return graph.model(columns)


def is_known(estimator: Any) -> bool:
    """Whether `compile_average` can compile it."""
    *before, last = _steps(estimator)
    add = _compiler(last)
    scaled = all(isinstance(step, StandardScaler) for step in before) and add is _logistic
    return add is not None and (not before or scaled)


def _steps(estimator: Any) -> list[Any]:
    return [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]


def _is_lightgbm(estimator: Any) -> bool:
    return hasattr(estimator, "booster_") or type(estimator).__name__ == "Booster"  # which may not be installed


def _compiler(estimator: Any) -> Callable[[Graph, str, Any], str] | None:
    """Adds an estimator to a graph: takes the name of its rows, gives that of its column (m, 1)."""
    if _is_lightgbm(estimator):
        return _lightgbm
    return next((add for kind, add in _COMPILERS.items() if isinstance(estimator, kind)), None)


def _column(graph: Graph, estimator: Any) -> str:
    *scalers, last = _steps(estimator)
    add = _compiler(last) if is_known(estimator) else None
    if add is None:
        raise ValueError(f"{type(estimator).__name__} is none that can be averaged")
    classes = getattr(last, "classes_", None)
    if classes is not None and len(classes) != 2:
        raise ValueError(f"it knows {len(classes)} classes; two were needed")
    rows = ROWS
    for scaler in scalers:
        rows = graph.step("Sub", rows, graph.number(scaler.mean_)) if scaler.with_mean else rows
        rows = graph.step("Div", rows, graph.number(scaler.scale_)) if scaler.with_std else rows
    return add(graph, rows, last)


def _logistic(graph: Graph, rows: str, estimator: Any) -> str:
    product = graph.step("MatMul", rows, graph.number(estimator.coef_.T))
    return graph.step("Sigmoid", graph.step("Add", product, graph.number(estimator.intercept_)))


def _forest(graph: Graph, rows: str, forest: Any) -> str:
    made = tree_readers.of_forest(forest)
    return graph.step("Div", graph.sums(made), graph.number(float(len(made))))


def _histogram(graph: Graph, rows: str, boosting: Any) -> str:
    made = [tree_readers.of_histogram(one.nodes) for (one,) in boosting._predictors]
    begun = graph.number(float(np.ravel(boosting._baseline_prediction)[0]))
    return graph.step("Sigmoid", graph.step("Add", graph.sums(made), begun))


def _lightgbm(graph: Graph, rows: str, estimator: Any) -> str:
    text = getattr(estimator, "booster_", estimator).model_to_string()
    told = dict(line.split("=", 1) for line in text.split("\nTree=", 1)[0].splitlines() if "=" in line)
    objective, *options = told.get("objective", "none").split()
    if objective not in ("binary", "cross_entropy") or "\naverage_output\n" in text:
        raise ValueError(f"LightGBM with objective {objective!r}; a boosting with objective binary was needed")
    slope = graph.number(float(dict(one.split(":") for one in options).get("sigmoid", 1.0)))
    return graph.step("Sigmoid", graph.step("Mul", graph.sums(list(tree_readers.of_lightgbm(text))), slope))


def _isolation(graph: Graph, rows: str, forest: Any) -> str:
    """How strange: 2 ** -(sum of a row's path lengths / (trees * the usual path length)).

    F. T. Liu, K. M. Ting, Z.-H. Zhou, Isolation Forest, ICDM 2008.
    """
    made, usual = tree_readers.of_isolation_forest(forest)
    exponent = graph.step("Mul", graph.sums(made), graph.number(-1.0 / (len(made) * usual)))
    return graph.step("Pow", graph.number(2.0), exponent)


_COMPILERS: dict[type, Callable[[Graph, str, Any], str]] = {
    LogisticRegression: _logistic,
    RandomForestClassifier: _forest,
    ExtraTreesClassifier: _forest,
    HistGradientBoostingClassifier: _histogram,
    IsolationForest: _isolation,
}
