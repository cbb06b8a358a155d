"""Compile an estimator into an ONNX graph, as `registry.compiled` runs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import IsolationForest

OPSET, ML_OPSET = 18, 5
EULER = float(np.euler_gamma)


def compile_estimator(estimator: Any, columns: int, double: bool = False) -> bytes:
    """The graph of a fitted classifier (its probabilities) or IsolationForest (how strange, larger is stranger).

    double: take rows as float64, for what is not made of trees. Raises what skl2onnx raises for an
    estimator that it can't convert (HistGradientBoosting is one).
    """
    if isinstance(estimator, IsolationForest):
        return _isolation_forest(estimator, columns)
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    kind = DoubleTensorType if double else FloatTensorType
    graph = to_onnx(
        estimator,
        initial_types=[("rows", kind([None, columns]))],
        options={id(estimator): {"zipmap": False}},
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )
    probabilities = graph.graph.output[1].name
    graph = select_model_inputs_outputs(graph, outputs=[probabilities])
    return bytes(graph.SerializeToString())


def _isolation_forest(forest: IsolationForest, columns: int) -> bytes:
    """The forest as one TreeEnsemble whose leaves hold path lengths.

    Converted tree by tree it costs 100 times as much to run. A row's strangeness is
    2 ** -(sum of its path lengths / (trees * the usual path length)); F. T. Liu, K. M. Ting,
    Z.-H. Zhou, Isolation Forest, ICDM 2008. Rows are compared as float32, as scikit-learn does;
    thresholds and sums are float64.
    """
    trees = _Trees()
    for estimator, features in zip(forest.estimators_, forest.estimators_features_, strict=True):
        trees.add(estimator.tree_, features)
    usual = len(forest.estimators_) * _usual_path(np.array([forest.max_samples_]))[0]
    nodes = [
        helper.make_node("Cast", ["rows"], ["exact"], to=TensorProto.DOUBLE),
        helper.make_node("TreeEnsemble", ["exact"], ["paths"], domain="ai.onnx.ml", **trees.attributes()),
        helper.make_node("Mul", ["paths", "share"], ["exponent"]),
        helper.make_node("Pow", ["two", "exponent"], ["strangeness"]),
    ]
    graph = helper.make_graph(
        nodes,
        "isolation forest",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("strangeness", TensorProto.DOUBLE, [None, 1])],
        [numpy_helper.from_array(np.array([-1.0 / usual]), "share"), numpy_helper.from_array(np.array([2.0]), "two")],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="atipico")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


class _Trees:
    """Trees as TreeEnsemble wants them: inner nodes and leaves numbered apart, over all trees."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.children: list[tuple[int, int]] = []
        self.are_leaves: list[tuple[int, int]] = []
        self.leaves: list[float] = []

    def add(self, tree: Any, features: np.ndarray) -> None:
        inner = tree.children_left >= 0
        number = np.where(inner, np.cumsum(inner) - 1 + len(self.features), np.cumsum(~inner) - 1 + len(self.leaves))
        paths = _depths(tree) + _usual_path(tree.n_node_samples)
        self.leaves += paths[~inner].tolist()
        if not inner.any():  # a root that is a leaf: a node whose two ways lead to it
            self.roots.append(len(self.features))
            self.features.append(0)
            self.thresholds.append(0.0)
            self.children.append((len(self.leaves) - 1, len(self.leaves) - 1))
            self.are_leaves.append((1, 1))
            return
        self.roots.append(int(number[0]))
        left, right = tree.children_left[inner], tree.children_right[inner]
        self.features += features[tree.feature[inner]].tolist()
        self.thresholds += tree.threshold[inner].tolist()
        self.children += list(zip(number[left].tolist(), number[right].tolist(), strict=True))
        self.are_leaves += list(
            zip((~inner[left]).astype(int).tolist(), (~inner[right]).astype(int).tolist(), strict=True)
        )

    def attributes(self) -> dict[str, Any]:
        inner = len(self.features)
        return {
            "n_targets": 1,
            "aggregate_function": 1,  # the sum
            "post_transform": 0,  # none
            "tree_roots": self.roots,
            "nodes_modes": helper.make_tensor("modes", TensorProto.UINT8, [inner], [0] * inner),  # x <= threshold
            "nodes_featureids": self.features,
            "nodes_splits": helper.make_tensor("splits", TensorProto.DOUBLE, [inner], self.thresholds),
            "nodes_truenodeids": [left for left, _ in self.children],
            "nodes_trueleafs": [left for left, _ in self.are_leaves],
            "nodes_falsenodeids": [right for _, right in self.children],
            "nodes_falseleafs": [right for _, right in self.are_leaves],
            "leaf_targetids": [0] * len(self.leaves),
            "leaf_weights": helper.make_tensor("paths", TensorProto.DOUBLE, [len(self.leaves)], self.leaves),
        }


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
