"""Compile an estimator into an ONNX graph, as `registry.compiled` runs it."""

from __future__ import annotations

from typing import Any

from atipico.learn.average import compile_average, is_known
from atipico.learn.ensembles import Ensemble

OPSET = 18


def compile_estimator(estimator: Any, columns: int, double: bool = False) -> bytes:
    """The graph of a fitted classifier (its probabilities) or IsolationForest (how strange, larger is stranger).

    An Ensemble, and what `compile_average` knows, takes float64 and gives the estimator's own numbers. double: the same
    for the others, which skl2onnx converts; it raises what it raises for an estimator that it can't convert.
    """
    if isinstance(estimator, Ensemble):
        return estimator.compiled(columns)
    if is_known(estimator):
        return compile_average([estimator], columns)
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


def is_exact(estimator: Any) -> bool:
    """Whether the graph gives the estimator's own numbers but for the last bits of float64."""
    return isinstance(estimator, Ensemble) or is_known(estimator)
