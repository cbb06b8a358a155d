"""An ONNX graph in float64, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from atipico.learn.trees import Ensemble, Tree

OPSET, ML_OPSET = 18, 5
ROWS, SCORE = "rows", "score"  # what goes in, float64 (m, columns); what comes out, float64 (m, 1)


class Graph:
    """A graph under construction: steps that take and give tensors by name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def step(self, operation: str, *inputs: str, out: str = "") -> str:
        out = out or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, list(inputs), [out]))
        return out

    def number(self, value: Any) -> str:
        """A constant, of any shape."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float64), name))
        return name

    def sums(self, made: Sequence[Tree]) -> str:
        """What all trees add up to for each row, (m, 1)."""
        ensemble = Ensemble()
        for tree in made:
            ensemble.add(tree)
        out = f"t{len(self._nodes)}"
        self._nodes.append(ensemble.node(ROWS, out))
        return out

    def model(self, columns: int) -> bytes:
        """The whole, as ONNX Runtime reads it; one of the steps must have made SCORE."""
        graph = helper.make_graph(
            self._nodes,
            "atipico",
            [helper.make_tensor_value_info(ROWS, TensorProto.DOUBLE, [None, columns])],
            [helper.make_tensor_value_info(SCORE, TensorProto.DOUBLE, [None, 1])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="atipico")
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())
