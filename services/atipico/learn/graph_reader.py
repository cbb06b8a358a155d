"""What an ONNX graph of ours is made of, read back from it: trees and lines, and how they become a score."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from atipico.learn.combine import CLOSEST, Isotonic, Sigmoid, log_odds, sigmoid
from atipico.learn.graph import ROWS, SCORE
from atipico.learn.shapley import leaves_of
from atipico.learn.terms import Line, Term, Through, Trees, Weighted
from atipico.learn.trees import trees_of

LOG_ODDS = "log-odds"
FARTHEST = float(log_odds(np.array(1 - CLOSEST)))  # from 0, of the log-odds that are told apart


class Read(NamedTuple):
    """term: what becomes the score. calibration: what it goes through on the way; None where it is the score itself."""

    term: Term
    calibration: Sigmoid | Isotonic | None


def read_graph(graph: bytes) -> Read:
    """Raises ValueError for a graph that `compile_average` or `Ensemble.compiled` did not make."""
    return _Reader(onnx.load_from_string(graph).graph).read()


class _Reader:
    def __init__(self, graph: Any) -> None:
        self._made: Mapping[str, Any] = {node.output[0]: node for node in graph.node}
        self._numbers = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._input = graph.input[0]

    def read(self) -> Read:
        end = self._node(SCORE, "Identity", "Sum", "Sigmoid", "Add")
        if end.op_type == "Add":
            return self._isotonic(end)
        if end.op_type == "Sigmoid" and self._node(end.input[0], "Sum", "Add").op_type == "Add":
            return self._sigmoid(end)
        return Read(self._term(SCORE), None)

    def _isotonic(self, end: Any) -> Read:
        """Knots and heights, from its ramps."""
        ramps, begun = end.input
        shares, heights = self._node(ramps, "MatMul").input
        least = self._node(shares, "Div").input[0]
        beyond = self._node(self._node(least, "Min").input[0], "Max").input[0]
        part, at = self._node(beyond, "Sub").input
        value = self._number(begun) + np.cumsum(np.append(0, self._numbers[heights][:-1, 0]))
        return Read(self._term(part), Isotonic(tuple(self._numbers[at][0]), tuple(value)))

    def _sigmoid(self, end: Any) -> Read:
        sloped, offset = self._node(end.input[0], "Add").input
        part, slope = self._node(sloped, "Mul").input
        return Read(self._term(self._likely(part)), Sigmoid(self._number(slope), self._number(offset)))

    def _term(self, name: str) -> Term:
        node = self._node(name, "Identity", "Sum", "Sigmoid", "Div", "Pow")
        if node.op_type == "Identity":
            return self._term(node.input[0])
        if node.op_type == "Sum":
            parts, shares = self._weighted(node.input)
            return Weighted(SCORE, [self._term(part) for part in parts], shares)
        if node.op_type != "Sigmoid":
            return self._forest(node)
        inner = self._node(node.input[0], "Sum", "Add", "Mul")
        return Through(SCORE, self._stacked(inner) if inner.op_type == "Sum" else self._of_log_odds(inner), sigmoid)

    def _stacked(self, node: Any) -> Weighted:
        """The line that a stacking makes of the log-odds of its members."""
        *weighted, offset = node.input
        parts, slopes = self._weighted(weighted)
        of_log_odds = [self._log_odds(self._term(self._likely(part))) for part in parts]
        return Weighted(LOG_ODDS, of_log_odds, slopes, self._number(offset))

    def _log_odds(self, term: Term) -> Term:
        """Of what already is a function of log-odds, those themselves, as far as they are told apart."""
        if isinstance(term, Through) and term.link is sigmoid:
            return Through(LOG_ODDS, term.term, partial(np.clip, a_min=-FARTHEST, a_max=FARTHEST), bends=False)
        return Through(LOG_ODDS, term, log_odds)

    def _likely(self, name: str) -> str:
        """The probability of which a step has the log-odds."""
        inner, _ = self._node(self._node(name, "Log").input[0], "Div").input
        return str(self._node(inner, "Clip").input[0])

    def _weighted(self, names: Any) -> tuple[list[str], list[float]]:
        weighted = [self._node(name, "Mul").input for name in names]
        return [part for part, _ in weighted], [self._number(share) for _, share in weighted]

    def _forest(self, node: Any) -> Term:
        """A forest, or an isolation forest."""
        if node.op_type == "Div":
            return self._of_trees("probability", node.input[0], 1 / self._number(node.input[1]))
        sums, scale = self._node(node.input[1], "Mul").input
        return Through(SCORE, self._of_trees("log2 of the strangeness", sums, self._number(scale)), np.exp2)

    def _of_log_odds(self, inner: Any) -> Trees | Line:
        """A boosting, or a line."""
        before, number = inner.input
        if inner.op_type == "Mul":
            return self._of_trees(LOG_ODDS, before, self._number(number))
        offset = self._number(number)
        if self._node(before, "TreeEnsemble", "MatMul").op_type == "TreeEnsemble":
            return self._of_trees(LOG_ODDS, before, 1.0, offset)
        slopes, moved = self._line(before)
        return Line(LOG_ODDS, slopes, offset + moved)

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

    def _of_trees(self, unit: str, name: str, scale: float, offset: float = 0.0) -> Trees:
        node = self._node(name, "TreeEnsemble")
        if node.input[0] != ROWS:
            raise ValueError("its trees take rows that were changed before")
        columns = self._input.type.tensor_type.shape.dim[1].dim_value
        return Trees(unit, leaves_of(trees_of(node), columns), scale, offset)

    def _number(self, name: str) -> float:
        return float(np.ravel(self._numbers[name])[0])

    def _node(self, name: str, *kinds: str) -> Any:
        node = self._made.get(name)
        if node is None or node.op_type not in kinds:
            found = node.op_type if node is not None else "none"
            raise ValueError(f"its graph has {found} where {' or '.join(kinds)} was expected")
        return node
