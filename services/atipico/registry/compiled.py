"""The compiled form of a model: an ONNX graph, run by one thread: a row's score never depends on its neighbours."""

from __future__ import annotations

from typing import cast

import numpy as np
import onnxruntime

from atipico.errors import Refused

_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class Compiled:
    """One input (m, columns), one output (m, 1 or 2) whose last column is the raw score.

    raw score: a probability, or how strange a row is (larger is stranger).
    Raises Refused when the graph can't be run or takes other rows than these.
    """

    def __init__(self, graph: bytes, columns: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised, and told once
        options.enable_cpu_mem_arena = False  # a large request's memory is given back
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common base of their own
            raise Refused(f"the compiled form can't be run: {' '.join(str(error).split())[:200]}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type not in _TYPES:
            raise Refused("the compiled form must take one tensor of float or double and give one")
        if inputs[0].shape[1:] != [columns]:
            raise Refused(f"the compiled form takes rows {inputs[0].shape[1:]}, the model has {columns} columns")
        self._input, self._type = inputs[0].name, _TYPES[inputs[0].type]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """rows: float64 (m, columns), finite and within float32. Returns the raw scores, float64 (m,)."""
        (answer,) = self._session.run(None, {self._input: np.ascontiguousarray(rows, dtype=self._type)})
        return cast(np.ndarray, answer)[:, -1].astype(np.float64)
