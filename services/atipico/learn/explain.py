"""What carried a score: each feature's exact part in it, beside usual samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn.average import compile_average, is_known
from atipico.learn.graph_reader import Read, read_graph
from atipico.learn.terms import innermost
from atipico.registry.estimator import load_estimator
from atipico.registry.manifest import COMPILED, ESTIMATOR
from atipico.registry.models import EQUAL, Model, load


class Explained(NamedTuple):
    """base + the sum of parts is value, all three in `unit`.

    base: what the references get on average. parts: float64 (k,), a column's own each.
    """

    score: float
    unit: str
    base: float
    value: float
    parts: np.ndarray

    def largest(self, columns: Sequence[str]) -> list[tuple[str, float]]:
        """The columns that have a part, and it, the largest first, either way."""
        order = np.argsort(-np.abs(self.parts), kind="stable")
        return [(columns[at], float(self.parts[at])) for at in order.tolist() if self.parts[at] != 0]


class Explainer:
    """Explains rows of the model in a folder of the registry, beside its golden rows that are no anomalies.

    The parts are Shapley values in the unit in which the model adds up: the probability of a forest, the log-odds of
    a boosting, a logistic regression or a stacking, the log2 of an isolation forest's strangeness, the score of a mean.
    Where a member's unit is bent on the way to that (all but log-odds in a stacking, all but forests in a mean), they
    are means over `ORDERS` orders of what bends. A calibration comes after that: parts are those of what it takes.
    Raises Refused for a model that is made of neither trees nor lines.
    """

    def __init__(self, folder: Path) -> None:
        self.model = load(folder)
        try:
            term, self._calibration = _read(folder, self.model)
        except ValueError as error:
            raise Refused(f"model {self.model.id} has no exact parts: {error}; trees and lines have") from error
        self._term, self._link = innermost(term)
        self._unit = self._term.unit + (", before the calibration" if self._calibration else "")
        self.references = self.model.references if len(self.model.references) else np.array([self.model.typical])

    def of(self, rows: np.ndarray) -> list[Explained]:
        """rows: float64 (m, k), in the model's columns. Raises Refused for one that is not finite."""
        scores = self.model.score(rows)
        if np.isnan(scores).any():
            raise Refused(f"row {int(np.argmax(np.isnan(scores)))} has a number that is not finite; all must be")
        return [self._checked(row, float(score)) for row, score in zip(rows, scores, strict=True)]

    def _checked(self, row: np.ndarray, score: float) -> Explained:
        told = self._one(row, score)
        off = max(abs(told.base + told.parts.sum() - told.value), abs(self._score_of(told) - score))
        if not off <= EQUAL:
            raise Refused(
                f"model {self.model.id}: the parts miss the score {score:.9g} by {off:.3g}; register it again"
            )
        return told

    def _one(self, row: np.ndarray, score: float) -> Explained:
        value, bases, parts = self._term.parts(row, self.references)
        return Explained(score, self._unit, float(bases.mean()), value, parts.mean(axis=0))

    def _score_of(self, told: Explained) -> float:
        """The model's score, from the value that the parts add up to."""
        raw = self._link(np.array([told.value]))
        return float(self.model.of_raw(self._calibration(raw) if self._calibration else raw)[0])


def _read(folder: Path, model: Model) -> Read:
    """What serves; where that was made by another converter than ours, the kept estimator in our own form."""
    try:
        return read_graph((folder / COMPILED).read_bytes())
    except (FileNotFoundError, ValueError):
        if ESTIMATOR not in model.manifest.files:
            raise
    estimator = load_estimator(folder / ESTIMATOR)
    if not is_known(estimator):
        raise ValueError(f"it is a {type(estimator).__name__}")
    return read_graph(compile_average([estimator], len(model.columns)))
