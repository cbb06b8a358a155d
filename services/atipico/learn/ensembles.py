"""Several estimators as one model: averaged (a soft vote) or stacked, and calibrated where that was learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.learn.average import column, compile_average, mean
from atipico.learn.combine import Calibration, Stacking
from atipico.learn.graph import SCORE, Graph
from atipico.registry.compiled import Compiled


class Member(NamedTuple):
    """One estimator. share: its weight in an average; all add up to 1. estimator: None before it is trained."""

    name: str
    kind: str
    share: float
    estimator: Any


class Ensemble(NamedTuple):
    """Fitted members that are themselves one classifier. stacking: None for their mean."""

    members: Sequence[Member]
    stacking: Stacking | None = None
    calibration: Calibration | None = None

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """What the libraries give to rows, float64 (m, k). Returns float64 (m, 2), as scikit-learn does."""
        likely = self.combined(np.column_stack([_own(one.estimator, rows) for one in self.members]))
        return np.column_stack([1 - likely, likely])

    def scores(self, rows: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """What the form that will serve gives to rows, (m,), and each member by itself."""
        apart = {
            one.name: np.clip(Compiled(compile_average([one.estimator], rows.shape[1]), rows.shape[1])(rows), 0, 1)
            for one in self.members
        }
        return self.combined(np.column_stack(list(apart.values()))), apart

    def combined(self, apart: np.ndarray) -> np.ndarray:
        """The members' probabilities, float64 (m, members), as one, (m,)."""
        score = apart @ np.array([one.share for one in self.members]) if self.stacking is None else self.stacking(apart)
        return score if self.calibration is None else self.calibration(score)

    def compiled(self, columns: int) -> bytes:
        """The graph of all of it: float64 rows (m, columns) -> (m, 1)."""
        graph = Graph()
        parts = [column(graph, one.estimator) for one in self.members]
        if self.stacking is None:
            score = mean(graph, parts, [one.share for one in self.members], "" if self.calibration else SCORE)
        else:
            score = self.stacking.step(graph, parts, "" if self.calibration else SCORE)
        if self.calibration is not None:
            self.calibration.step(graph, score, SCORE)
        return graph.model(columns)


def _own(estimator: Any, rows: np.ndarray) -> np.ndarray:
    booster = getattr(estimator, "booster_", estimator)  # its class for scikit-learn warns of names
    if type(booster).__name__ == "Booster":
        return np.asarray(booster.predict(rows), dtype=np.float64)
    return np.asarray(estimator.predict_proba(rows), dtype=np.float64)[:, 1]
