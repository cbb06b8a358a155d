"""Trees of any library as one ONNX TreeEnsemble in float64: what serves them needs no library but ONNX Runtime."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Tree(NamedTuple):
    """One tree, an entry a node, the root first: a row goes left where its number is at most the threshold.

    left, right: int (n,), the number of a child; left is -1 for a leaf. value: float64 (n,), what a leaf
    adds. missing_left: bool (n,), whether NaN goes left.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    missing_left: np.ndarray


class Ensemble:
    """Trees as TreeEnsemble wants them: inner nodes and leaves numbered apart, over all trees."""

    def __init__(self) -> None:
        self._roots: list[int] = []
        self._inner: list[Tree] = []
        self._ways: list[np.ndarray] = []  # (n, 4): left, whether it is a leaf, right, whether it is
        self._leaves: list[np.ndarray] = []
        self._inners = self._leafs = 0

    def add(self, tree: Tree) -> None:
        inner = tree.left >= 0
        if not inner.any():  # a root that is a leaf: a node whose two ways lead to it
            one = np.zeros(1)
            stump = Tree(one.astype(np.int64), one, one, one, one, one.astype(bool))
            ways = np.array([[self._leafs, 1, self._leafs, 1]])
        else:
            number = np.where(inner, np.cumsum(inner) - 1 + self._inners, np.cumsum(~inner) - 1 + self._leafs)
            left, right = tree.left[inner], tree.right[inner]
            ways = np.column_stack([number[left], ~inner[left], number[right], ~inner[right]])
            stump = Tree(*(column[inner] for column in tree))
        self._roots.append(self._inners)
        self._inner.append(stump)
        self._ways.append(ways)
        self._leaves.append(tree.value[~inner])
        self._inners += len(ways)
        self._leafs += int((~inner).sum())

    def node(self, rows: str, sums: str) -> Any:
        """The ONNX node that takes `rows`, float64 (m, k), and gives `sums`, float64 (m, 1), over all trees."""
        feature, threshold, missing = (
            np.concatenate([getattr(tree, name) for tree in self._inner])
            for name in ("feature", "threshold", "missing_left")
        )
        ways, leaves = np.concatenate(self._ways), np.concatenate(self._leaves)
        told: dict[str, Any] = {
            "n_targets": 1,
            "aggregate_function": 1,  # the sum
            "post_transform": 0,  # none
            "tree_roots": self._roots,
            "nodes_modes": helper.make_tensor("modes", TensorProto.UINT8, [len(ways)], bytes(len(ways)), raw=True),
            "nodes_featureids": feature.tolist(),
            "nodes_splits": _doubles("splits", threshold),
            "leaf_targetids": [0] * len(leaves),
            "leaf_weights": _doubles("weights", leaves),
        }
        names = ("nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids", "nodes_falseleafs")
        told |= {name: column.tolist() for name, column in zip(names, ways.T, strict=True)}
        if missing.any():
            told["nodes_missing_value_tracks_true"] = missing.astype(int).tolist()
        return helper.make_node("TreeEnsemble", [rows], [sums], domain="ai.onnx.ml", **told)


def trees_of(node: Any) -> list[Tree]:
    """The trees of a node that an Ensemble made, in their order."""
    told = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    splits, weights = (numpy_helper.to_array(told[name]) for name in ("nodes_splits", "leaf_weights"))
    missing = told.get("nodes_missing_value_tracks_true", [0] * len(splits))
    names = ("nodes_truenodeids", "nodes_falsenodeids", "nodes_trueleafs", "nodes_falseleafs")
    columns = [np.array(told[name]) for name in ("nodes_featureids", *names)]
    roots = [*told["tree_roots"], len(splits)]
    return [
        _tree(first, splits[first:end], np.array(missing[first:end]), weights, *(one[first:end] for one in columns))
        for first, end in pairwise(roots)
    ]


def _tree(
    first: int, splits: np.ndarray, missing: np.ndarray, weights: np.ndarray, feature: np.ndarray, *ways: np.ndarray
) -> Tree:
    """The inner nodes of a tree and behind them its leaves; each way to a leaf has one of its own."""
    inner, to, is_leaf = len(splits), np.array(ways[:2]), np.array(ways[2:], dtype=bool)
    left, right = np.where(is_leaf, inner + np.cumsum(is_leaf).reshape(2, inner) - 1, to - first)
    none = np.zeros(int(is_leaf.sum()))
    nowhere = none.astype(np.int64)
    return Tree(
        np.concatenate([feature, nowhere]),
        np.concatenate([splits, none]),
        np.concatenate([left, nowhere - 1]),
        np.concatenate([right, nowhere - 1]),
        np.concatenate([np.zeros(inner), weights[to[is_leaf]]]),
        np.concatenate([missing, nowhere]).astype(bool),
    )


def _doubles(name: str, values: np.ndarray) -> Any:
    raw = np.ascontiguousarray(values, dtype="<f8").tobytes()
    return helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], raw, raw=True)
