"""A model of the registry as a Scorer in this very process, where no classifier runs."""

from __future__ import annotations

import numpy as np

from atipico.ports import ModelInfo, Scored
from atipico.registry.models import Model


class ModelScorer:
    """Scores as the classifier does with the same model."""

    def __init__(self, model: Model) -> None:
        self._model, self._info = model, model.info()

    def info(self) -> ModelInfo:
        return self._info

    def score(self, rows: np.ndarray) -> Scored:
        """float64 (m, k), columns in the order of `info().columns`."""
        scores = self._model.score(rows)
        refused = {int(at): "the model gave no number for it" for at in np.flatnonzero(~np.isfinite(scores))}
        return Scored(scores, self._info.threshold, self._info.version, refused)
