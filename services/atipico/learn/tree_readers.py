"""The trees of scikit-learn and LightGBM as `trees.Tree`: each compares as its library does, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from atipico.learn.trees import Tree


def of_sklearn(tree: Any, value: np.ndarray, features: np.ndarray | None = None) -> Tree:
    """A tree of scikit-learn's forests. value: float64 (n,), a node's own. features: what it calls 0, 1, ..."""
    feature = np.maximum(tree.feature, 0)
    return Tree(
        feature if features is None else features[feature],
        as_float32_compares(tree.threshold),
        tree.children_left,
        tree.children_right,
        value,
        tree.missing_go_to_left.astype(bool),
    )


def of_classes(one: Any, features: np.ndarray | None = None) -> Tree:
    """A decision tree of two classes: what a leaf adds is its share of the second."""
    counts = one.tree_.value[:, 0, :]  # shares of the classes, or their weights
    if counts.shape[1] == 1:  # its part of the rows had one class alone
        return of_sklearn(one.tree_, np.full(len(counts), float(one.classes_[0])), features)
    return of_sklearn(one.tree_, counts[:, 1] / counts.sum(axis=1), features)


def of_forest(forest: Any) -> list[Tree]:
    """The trees of a RandomForest or ExtraTrees of two classes."""
    return [of_classes(one) for one in forest.estimators_]


def of_ada_boost(boosting: Any) -> list[Tree]:
    """The trees of an AdaBoost, each of which votes for a class: a leaf adds its share of all votes, or takes it."""
    weights = boosting.estimator_weights_[: len(boosting.estimators_)]
    return [
        of_sklearn(one.tree_, np.where(one.tree_.value[:, 0, 1] > one.tree_.value[:, 0, 0], share, -share))
        for one, share in zip(boosting.estimators_, weights / weights.sum(), strict=True)
    ]


def of_gradient_boosting(boosting: Any) -> list[Tree]:
    """The trees of a GradientBoosting of two classes: a leaf adds to the log-odds."""
    return [
        of_sklearn(one.tree_, boosting.learning_rate * one.tree_.value[:, 0, 0]) for one in boosting.estimators_[:, 0]
    ]


def of_isolation_forest(forest: Any) -> tuple[list[Tree], float]:
    """The trees of an IsolationForest, whose leaves hold path lengths, and the usual path length."""
    made = [
        of_sklearn(one.tree_, _depths(one.tree_) + _usual_path(one.tree_.n_node_samples), features)
        for one, features in zip(forest.estimators_, forest.estimators_features_, strict=True)
    ]
    return made, float(_usual_path(np.array([forest.max_samples_]))[0])


def of_histogram(nodes: np.ndarray) -> Tree:
    """A tree of HistGradientBoosting, which compares float64. nodes: its predictor's."""
    if nodes["is_categorical"].any():
        raise ValueError("it splits by categories, which have no threshold")
    left = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64))
    names = ("feature_idx", "num_threshold", "right", "value", "missing_go_to_left")
    feature, threshold, right, value, missing = (nodes[name] for name in names)
    return Tree(feature, threshold, left, right.astype(np.int64), value, missing.astype(bool))


_CATEGORY, _DEFAULT_LEFT, _NONE, _NAN = 1, 2, 0, 2  # of LightGBM's decision_type; bits 2 and 3 tell what is missing
_ZERO = float(np.float32(1e-35))  # its kZeroThreshold


def of_lightgbm(model: str) -> Iterator[Tree]:
    """The trees of a LightGBM model in its own text format."""
    for part in model.split("\nTree=")[1:]:
        lines = part.split("\n\n", 1)[0].splitlines()[1:]
        yield _of_lightgbm(dict(line.split("=", 1) for line in lines))


def _of_lightgbm(told: dict[str, str]) -> Tree:
    def numbers(name: str, kind: Any) -> np.ndarray:
        return np.array(told.get(name, "").split(), dtype=kind)

    leaves = numbers("leaf_value", np.float64)
    decision = numbers("decision_type", np.int64)
    if told.get("is_linear", "0") != "0" or (decision & _CATEGORY).any():
        raise ValueError("a tree with linear leaves or splits by categories is no tree of thresholds")
    missing = (decision >> 2) & 3
    if not np.isin(missing, (_NONE, _NAN)).all():
        raise ValueError("it takes zero as missing; train it with zero_as_missing = false")
    threshold = _with_zero(numbers("threshold", np.float64))
    inner, none = len(threshold), -np.ones(len(leaves), dtype=np.int64)
    left, right = (
        np.where(child < 0, inner - 1 - child, child)  # a leaf is told as -1 - its number
        for child in (numbers("left_child", np.int64), numbers("right_child", np.int64))
    )
    # NaN counts as 0 where the training had none.
    missing_left = np.where(missing == _NAN, (decision & _DEFAULT_LEFT) > 0, threshold >= 0.0)
    no = np.zeros(len(leaves))
    return Tree(
        np.concatenate([numbers("split_feature", np.int64), no.astype(np.int64)]),
        np.concatenate([threshold, no]),
        np.concatenate([left, none]),
        np.concatenate([right, none]),
        np.concatenate([np.zeros(inner), leaves]),
        np.concatenate([missing_left, no.astype(bool)]),
    )


def _with_zero(thresholds: np.ndarray) -> np.ndarray:
    """The thresholds that x passes just when it passes these with x = 0 where |x| <= 1e-35, as LightGBM reads rows."""
    above = np.where((thresholds >= 0) & (thresholds < _ZERO), _ZERO, thresholds)
    return np.where((above < 0) & (above >= -_ZERO), np.nextafter(-_ZERO, -np.inf), above)


def as_float32_compares(thresholds: np.ndarray) -> np.ndarray:
    """The float64 thresholds that a float64 number passes just when it passes these rounded to float32 first.

    scikit-learn's forests compare float32(x) <= threshold. Rounding never turns an order around, so that there
    is a largest x that passes: half way between the last float32 that does and the next, or just below where
    the half way mark itself is rounded up (ties go to the even one).
    """
    last = thresholds.astype(np.float32)
    with np.errstate(over="ignore"):
        last = np.where(last.astype(np.float64) > thresholds, np.nextafter(last, np.float32(-np.inf)), last)
        after = np.nextafter(last, np.float32(np.inf))
    half = (last.astype(np.float64) + after.astype(np.float64)) / 2
    ties_go_to_last = (half.astype(np.float32) == last) | ~np.isfinite(half)
    return np.where(ties_go_to_last, half, np.nextafter(half, -np.inf))


def _depths(tree: Any) -> np.ndarray:
    """How many steps each node of a tree is below its root."""
    depths = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # children come after their parent
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depths[child] = depths[node] + 1
    return depths


def _usual_path(samples: np.ndarray) -> np.ndarray:
    """The path length in a random tree of that many samples: 0, 0, 1, then 2 H(n - 1) - 2 (n - 1) / n."""
    n = np.maximum(samples, 2).astype(np.float64)
    many = 2.0 * (np.log(n - 1.0) + np.euler_gamma) - 2.0 * (n - 1.0) / n
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, many))
