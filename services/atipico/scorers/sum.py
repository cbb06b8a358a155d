"""The sum of a row: needs no model, and shows that every field of every sample arrives."""

from __future__ import annotations

import numpy as np

from atipico.ports import ModelInfo, Scored


class SumScorer:
    """Scores a row with the sum of its numbers; a column that a sample lacks is NaN and counts nothing.

    No probability and nothing is anomalous: for trying an agent out alone.
    """

    def info(self) -> ModelInfo:
        return ModelInfo(version="sum", columns=(), threshold=float("inf"), usual={})

    def score(self, rows: np.ndarray) -> Scored:
        return Scored(np.nansum(rows, axis=1), float("inf"), "sum", {})
