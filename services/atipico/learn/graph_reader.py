"""What an ONNX graph of `learn.average` is made of, read back from it: trees and lines, and how they become a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from atipico.learn.graph import ROWS, SCORE
from atipico.learn.trees import Tree, trees_of


class Member(NamedTuple):
    """One estimator of a mean: share * link(scale * (sum of its trees, or rows @ slopes) + offset).

    unit: of what the link takes. slopes: float64 (k,) of a line, in which case there are no trees.
    """

    share: float
    unit: str
    link: Callable[[np.ndarray], np.ndarray]
    scale: float
    offset: float
    trees: list[Tree]
    slopes: np.ndarray | None


def members_of(graph: bytes) -> list[Member]:
    """The members of a graph. Raises ValueError for one that `compile_average` did not make."""
    return _Reader(onnx.load_from_string(graph).graph).members()


class _Reader:
    def __init__(self, graph: Any) -> None:
        self._made: Mapping[str, Any] = {node.output[0]: node for node in graph.node}
        self._numbers = {one.name: numpy_helper.to_array(one) for one in graph.initializer}

    def members(self) -> list[Member]:
        end = self._node(SCORE, "Identity", "Sum")
        if end.op_type == "Identity":
            return [self._member(end.input[0], 1.0)]
        weighted = [self._node(name, "Mul").input for name in end.input]
        return [self._member(part, self._number(share)) for part, share in weighted]

    def _member(self, name: str, share: float) -> Member:
        node = self._node(name, "Sigmoid", "Div", "Pow")
        if node.op_type == "Div":
            trees = self._trees(node.input[0])
            return Member(share, "probability", _same, 1 / self._number(node.input[1]), 0.0, trees, None)
        if node.op_type == "Pow":
            sums, scale = self._node(node.input[1], "Mul").input
            return Member(share, "log2 of the strangeness", np.exp2, self._number(scale), 0.0, self._trees(sums), None)
        inner = self._node(node.input[0], "Add", "Mul")
        before, number = inner.input
        if inner.op_type == "Mul":
            return Member(share, "log-odds", _sigmoid, self._number(number), 0.0, self._trees(before), None)
        offset = self._number(number)
        if self._node(before, "TreeEnsemble", "MatMul").op_type == "TreeEnsemble":
            return Member(share, "log-odds", _sigmoid, 1.0, offset, self._trees(before), None)
        slopes, moved = self._line(before)
        return Member(share, "log-odds", _sigmoid, 1.0, offset + moved, [], slopes)

    def _line(self, name: str) -> tuple[np.ndarray, float]:
        """The slopes of a line, and what it is moved by, through the scalers before it."""
        rows, weights = self._node(name, "MatMul").input
        slopes, moved = self._numbers[weights][:, 0].astype(np.float64), 0.0
        while rows != ROWS:
            step = self._node(rows, "Sub", "Div")
            rows, number = step.input
            if step.op_type == "Div":
                slopes = slopes / self._numbers[number]
            else:
                moved -= float(self._numbers[number] @ slopes)
        return slopes, moved

    def _trees(self, name: str) -> list[Tree]:
        node = self._node(name, "TreeEnsemble")
        if node.input[0] != ROWS:
            raise ValueError("its trees take rows that were changed before")
        return trees_of(node)

    def _number(self, name: str) -> float:
        return float(np.ravel(self._numbers[name])[0])

    def _node(self, name: str, *kinds: str) -> Any:
        node = self._made.get(name)
        if node is None or node.op_type not in kinds:
            found = node.op_type if node is not None else "none"
            raise ValueError(f"its graph has {found} where {' or '.join(kinds)} was expected")
        return node


def _same(margin: np.ndarray) -> np.ndarray:
    return margin


def _sigmoid(margin: np.ndarray) -> np.ndarray:
    shares: np.ndarray = np.exp(-np.logaddexp(0, -margin))
    return shares
