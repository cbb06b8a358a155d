"""Why a sample stands out, cheaply: the features farthest from what the model knows as usual."""

from __future__ import annotations

import numpy as np

from atipico.ports import ModelInfo

_TOLD = 3
_LEAST = 2.0  # standard deviations; nearer than that is nothing to tell


class Why:
    """Puts the features of a row that are far from usual into words, farthest first."""

    def __init__(self, info: ModelInfo) -> None:
        self._columns = info.columns
        usual = [info.usual.get(name, (0.0, float("inf"))) for name in info.columns]
        self._mean = np.array([mean for mean, _ in usual])
        self._spread = np.maximum(np.array([spread for _, spread in usual]), 1e-12)

    def of(self, row: np.ndarray) -> str:
        """row: float64 (k,), in the model's columns. At most three features, each as `name=value (usual mean)`."""
        if not self._columns:
            return ""
        distance = np.abs(row - self._mean) / self._spread
        farthest = np.argsort(-distance, kind="stable")[:_TOLD]
        told = [at for at in farthest if distance[at] >= _LEAST] or farthest[:1].tolist()
        return ", ".join(f"{self._columns[at]}={row[at]:.4g} (usual {self._mean[at]:.4g})" for at in told)
