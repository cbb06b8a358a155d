"""Fitted estimators, and weighted means of them, as one ONNX graph in float64 that gives their own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
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
from atipico.learn.trees import Ensemble, Tree

OPSET, ML_OPSET = 18, 5
EULER = float(np.euler_gamma)


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
    if _kind_of(booster) == "lightgbm":
        return np.asarray(booster.predict(rows), dtype=np.float64)
    return np.asarray(member.predict_proba(rows), dtype=np.float64)[:, 1]


def compile_average(members: Sequence[Any], columns: int, shares: Sequence[float] | None = None) -> bytes:
    """The graph of a weighted mean of what fitted estimators give, in float64: rows (m, columns) -> (m, 1).

    members: LogisticRegression behind a StandardScaler or alone, RandomForest, ExtraTrees, HistGradientBoosting,
    LightGBM, each of two classes (its probability of the second), IsolationForest. shares: their weights, adding up
    to 1; equal unless given. Raises ValueError for any other, or a tree that is not made of thresholds.
    """
    shares = [1 / len(members)] * len(members) if shares is None else shares
    graph = _Graph()
    parts = [graph.member(member) for member in members]
    if len(parts) == 1:
        graph.step("Identity", parts[0], out="score")
    else:
        weighted = [graph.step("Mul", part, graph.number(share)) for part, share in zip(parts, shares, strict=True)]
        graph.step("Sum", *weighted, out="score")
    return graph.model(columns)


def is_known(estimator: Any) -> bool:
    """Whether `compile_average` can compile it."""
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return _kind_of(last) is not None and all(
        isinstance(step, StandardScaler) for _, step in getattr(estimator, "steps", [])[:-1]
    )


def _kind_of(estimator: Any) -> str | None:
    if hasattr(estimator, "booster_") or type(estimator).__name__ == "Booster":  # LightGBM may not be installed
        return "lightgbm"
    kinds = {
        LogisticRegression: "logistic",
        RandomForestClassifier: "forest",
        ExtraTreesClassifier: "forest",
        HistGradientBoostingClassifier: "histogram",
        IsolationForest: "isolation",
    }
    return next((name for kind, name in kinds.items() if isinstance(estimator, kind)), None)


class _Graph:
    """An ONNX graph under construction: steps that take and give tensors by name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def step(self, operation: str, *inputs: str, out: str = "") -> str:
        out = out or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [out]))
        return out

    def number(self, value: Any) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float64), name))
        return name

    def sums(self, made: Sequence[Tree]) -> str:
        ensemble = Ensemble()
        for tree in made:
            ensemble.add(tree)
        out = f"t{len(self._nodes)}"
        self._nodes.append(ensemble.node("rows", out))
        return out

    def member(self, estimator: Any) -> str:
        """One estimator's column (m, 1)."""
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        kind = _kind_of(last) if is_known(estimator) else None
        if kind is None:
            raise ValueError(f"{type(estimator).__name__} is none that can be averaged")
        if kind not in ("isolation", "lightgbm") and len(last.classes_) != 2:
            raise ValueError(f"it knows {len(last.classes_)} classes; two were needed")
        return str(getattr(self, f"_{kind}")(estimator))

    def _logistic(self, estimator: Any) -> str:
        steps = list(estimator) if isinstance(estimator, Pipeline) else [estimator]
        rows = "rows"
        for scaler in steps[:-1]:
            rows = self.step("Sub", rows, self.number(scaler.mean_)) if scaler.with_mean else rows
            rows = self.step("Div", rows, self.number(scaler.scale_)) if scaler.with_std else rows
        product = self.step("MatMul", rows, self.number(steps[-1].coef_.T))
        return self.step("Sigmoid", self.step("Add", product, self.number(steps[-1].intercept_)))

    def _forest(self, forest: Any) -> str:
        made = []
        for tree in (one.tree_ for one in forest.estimators_):
            counts = tree.value[:, 0, :]  # shares of the classes, or their weights
            made.append(tree_readers.of_sklearn(tree, counts[:, 1] / counts.sum(axis=1)))
        return self.step("Div", self.sums(made), self.number(float(len(made))))

    def _histogram(self, boosting: Any) -> str:
        made = [tree_readers.of_histogram(one.nodes) for (one,) in boosting._predictors]
        raw = self.step("Add", self.sums(made), self.number(float(np.ravel(boosting._baseline_prediction)[0])))
        return self.step("Sigmoid", raw)

    def _lightgbm(self, estimator: Any) -> str:
        booster = getattr(estimator, "booster_", estimator)
        text = booster.model_to_string()
        told = dict(line.split("=", 1) for line in text.split("\nTree=", 1)[0].splitlines() if "=" in line)
        objective, *options = told.get("objective", "none").split()
        if objective not in ("binary", "cross_entropy") or "\naverage_output\n" in text:
            raise ValueError(f"LightGBM with objective {objective!r}; a boosting with objective binary was needed")
        slope = float(dict(one.split(":") for one in options).get("sigmoid", 1.0))
        return self.step(
            "Sigmoid", self.step("Mul", self.sums(list(tree_readers.of_lightgbm(text))), self.number(slope))
        )

    def _isolation(self, forest: Any) -> str:
        """How strange: 2 ** -(sum of a row's path lengths / (trees * the usual path length)).

        F. T. Liu, K. M. Ting, Z.-H. Zhou, Isolation Forest, ICDM 2008.
        """
        made = [
            tree_readers.of_sklearn(one.tree_, _depths(one.tree_) + _usual_path(one.tree_.n_node_samples), features)
            for one, features in zip(forest.estimators_, forest.estimators_features_, strict=True)
        ]
        usual = len(made) * _usual_path(np.array([forest.max_samples_]))[0]
        exponent = self.step("Mul", self.sums(made), self.number(-1.0 / usual))
        return self.step("Pow", self.number(2.0), exponent)

    def model(self, columns: int) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "atipico",
            [helper.make_tensor_value_info("rows", TensorProto.DOUBLE, [None, columns])],
            [helper.make_tensor_value_info("score", TensorProto.DOUBLE, [None, 1])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="atipico")
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


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
    many = 2.0 * (np.log(n - 1.0) + EULER) - 2.0 * (n - 1.0) / n
    return np.where(samples <= 1, 0.0, np.where(samples == 2, 1.0, many))
