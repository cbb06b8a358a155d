"""Fitted estimators, and weighted means of them, as one ONNX graph in float64 that gives their own numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from atipico.learn import tree_readers
from atipico.learn.graph import ROWS, SCORE, Graph


def compile_average(members: Sequence[Any], columns: int, shares: Sequence[float] | None = None) -> bytes:
    """The graph of a weighted mean of what fitted estimators give, in float64: rows (m, columns) -> (m, 1).

    members: LogisticRegression behind a StandardScaler or alone, a decision tree, RandomForest, ExtraTrees, AdaBoost
    of trees, GradientBoosting, HistGradientBoosting, LightGBM, and bagging (imbalanced-learn's too) or a soft vote of
    any of these; each of two classes (its probability of the second). And IsolationForest. shares: their weights,
    adding up to 1; equal unless given. Raises ValueError for any other, or a tree that is not made of thresholds.
    """
    shares = [1 / len(members)] * len(members) if shares is None else shares
    graph = Graph()
    mean(graph, [column(graph, member) for member in members], shares, SCORE)
    return graph.model(columns)


def mean(graph: Graph, parts: Sequence[str], shares: Sequence[float], out: str = "") -> str:
    """Adds the weighted mean of some columns, (m, 1) each, and gives the name of its own."""
    if len(parts) == 1:
        return graph.step("Identity", parts[0], out=out)
    weighted = [graph.step("Mul", part, graph.number(share)) for part, share in zip(parts, shares, strict=True)]
    return graph.step("Sum", *weighted, out=out)


def is_known(estimator: Any) -> bool:
    """Whether `compile_average` can compile it."""
    *before, last = _steps(estimator)
    add = _compiler(last)
    scaled = all(isinstance(step, StandardScaler) for step in before) and add is _logistic
    return add is not None and (not before or scaled) and not _stranger_in(last)


def _stranger_in(estimator: Any) -> str:
    """Why an ensemble of others can't be compiled; nothing where it can."""
    if isinstance(estimator, AdaBoostClassifier) and not all(map(_is_tree, estimator.estimators_)):
        return "it boosts estimators that are no trees"
    if isinstance(estimator, GradientBoostingClassifier) and not _begins_with_a_number(estimator):
        return f"it begins with a {type(estimator.init_).__name__}, not with a number"
    if isinstance(estimator, BaggingClassifier) and not all(map(_is_tree, estimator.estimators_)):
        whole = np.arange(estimator.n_features_in_)
        if not all(np.array_equal(of, whole) for of in estimator.estimators_features_):
            return "it bags estimators that are no trees over columns of their own each"
        if not all(map(is_known, estimator.estimators_)):
            return "it bags estimators that can't be compiled"
    if isinstance(estimator, VotingClassifier):
        if estimator.voting != "soft":
            return "it counts votes, which are no probabilities; voting='soft' was needed"
        if not all(map(is_known, estimator.estimators_)):
            return "one of those that vote can't be compiled"
    return ""


def _is_tree(estimator: Any) -> bool:
    return [type(step) for step in _steps(estimator)] == [DecisionTreeClassifier]


def _begins_with_a_number(boosting: Any) -> bool:
    return isinstance(boosting.init_, str | DummyClassifier)


def _steps(estimator: Any) -> list[Any]:
    """What rows go through; what only chose those of the training (a sampler) has no part in that."""
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    return [step for step in steps if not hasattr(step, "fit_resample")]


def _is_lightgbm(estimator: Any) -> bool:
    return hasattr(estimator, "booster_") or type(estimator).__name__ == "Booster"  # which may not be installed


def _compiler(estimator: Any) -> Callable[[Graph, str, Any], str] | None:
    """Adds an estimator to a graph: takes the name of its rows, gives that of its column (m, 1)."""
    if _is_lightgbm(estimator):
        return _lightgbm
    return next((add for kind, add in _COMPILERS.items() if isinstance(estimator, kind)), None)


def column(graph: Graph, estimator: Any) -> str:
    """Adds a fitted estimator to a graph and gives the name of its column, (m, 1). Raises ValueError as above."""
    *scalers, last = _steps(estimator)
    add = _compiler(last)
    if add is None or not is_known(estimator):
        raise ValueError(_stranger_in(last) or f"{type(estimator).__name__} is none that can be averaged")
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


def _tree(graph: Graph, rows: str, tree: Any) -> str:
    return graph.step("Div", graph.sums([tree_readers.of_classes(tree)]), graph.number(1.0))


def _bagging(graph: Graph, rows: str, bagging: Any) -> str:
    """The mean of its estimators: of trees as one forest, which may look at columns of their own each."""
    many = len(bagging.estimators_)
    if not all(map(_is_tree, bagging.estimators_)):
        return mean(graph, [column(graph, one) for one in bagging.estimators_], [1 / many] * many)
    trees = [_steps(one)[0] for one in bagging.estimators_]
    made = [tree_readers.of_classes(one, of) for one, of in zip(trees, bagging.estimators_features_, strict=True)]
    return graph.step("Div", graph.sums(made), graph.number(float(many)))


def _voting(graph: Graph, rows: str, voting: Any) -> str:
    shares = np.ones(len(voting.estimators_)) if voting.weights is None else np.array(voting.weights)[_voters(voting)]
    return mean(graph, [column(graph, one) for one in voting.estimators_], (shares / shares.sum()).tolist())


def _voters(voting: Any) -> np.ndarray:
    """Which of those that it was given have a vote, bool."""
    return np.array([one != "drop" for _, one in voting.estimators])


def _ada_boost(graph: Graph, rows: str, boosting: Any) -> str:
    made = tree_readers.of_ada_boost(boosting)
    return graph.step("Sigmoid", graph.step("Mul", graph.sums(made), graph.number(2.0)))


def _gradient_boosting(graph: Graph, rows: str, boosting: Any) -> str:
    begun = float(boosting._raw_predict_init(np.zeros((1, boosting.n_features_in_)))[0, 0])
    made = tree_readers.of_gradient_boosting(boosting)
    return graph.step("Sigmoid", graph.step("Add", graph.sums(made), graph.number(begun)))


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
    DecisionTreeClassifier: _tree,
    RandomForestClassifier: _forest,
    ExtraTreesClassifier: _forest,
    HistGradientBoostingClassifier: _histogram,
    GradientBoostingClassifier: _gradient_boosting,
    AdaBoostClassifier: _ada_boost,
    IsolationForest: _isolation,
    BaggingClassifier: _bagging,
    VotingClassifier: _voting,
}
