"""What carried a score: each feature's exact part in it, beside usual samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn.average import compile_average, is_known
from atipico.learn.graph_reader import Member, members_of
from atipico.learn.shapley import leaves_of, shapley, sums
from atipico.registry.estimator import load_estimator
from atipico.registry.manifest import COMPILED, ESTIMATOR
from atipico.registry.models import EQUAL, Model, load

SCORE = "score"


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
    a boosting or a logistic regression, the log2 of an isolation forest's strangeness. A mean of several estimators
    has no such unit: each member's parts are exact in its own, and carried to the score in proportion.
    Raises Refused for a model that is made of neither trees nor lines.
    """

    def __init__(self, folder: Path) -> None:
        self.model = load(folder)
        k = len(self.model.columns)
        try:
            self._members = [_Explained(one, k) for one in _members(folder, self.model)]
        except ValueError as error:
            raise Refused(f"model {self.model.id} has no exact parts: {error}; trees and lines have") from error
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
        if len(self._members) == 1:
            (member,) = self._members
            value, base, parts = member.parts(row, self.references)
            return Explained(score, member.unit, float(base.mean()), value, parts.mean(axis=0))
        found = [member.of_score(row, self.references) for member in self._members]
        values, bases, parts = (np.sum(column, axis=0) for column in zip(*found, strict=True))
        return Explained(score, SCORE, float(bases.mean()), float(values), parts.mean(axis=0))

    def _score_of(self, told: Explained) -> float:
        """The model's score, from the value that the parts add up to."""
        raw = np.array([told.value])
        return float(self.model.of_raw(raw if told.unit == SCORE else self._members[0].link(raw))[0])


class _Explained:
    """One member, its trees laid out."""

    def __init__(self, member: Member, columns: int) -> None:
        self._member, self.unit, self.link = member, member.unit, member.link
        self._trees = [leaves_of(tree, columns) for tree in member.trees]

    def parts(self, row: np.ndarray, references: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """What the row gets, what each reference gets, (r,), and the parts beside each, (r, k); in the own unit."""
        value, *bases = self._margins(np.vstack([row, references]))
        if self._member.slopes is not None:
            parts = self._member.slopes * (row - references)
        else:
            parts = shapley(self._trees, row, references)
        return float(value), np.array(bases), self._member.scale * parts

    def of_score(self, row: np.ndarray, references: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """The same as shares of the score: parts in proportion to the step that the score makes for the margin's."""
        value, bases, parts = self.parts(row, references)
        step = np.where(abs(value - bases) < EQUAL, EQUAL, value - bases)
        slope = (self.link(bases + step) - self.link(bases)) / step
        share = self._member.share
        return share * float(self.link(np.array(value))), share * self.link(bases), share * slope[:, None] * parts

    def _margins(self, rows: np.ndarray) -> np.ndarray:
        member = self._member
        found = rows @ member.slopes if member.slopes is not None else sums(self._trees, rows)
        margins: np.ndarray = member.scale * found + member.offset
        return margins


def _members(folder: Path, model: Model) -> list[Member]:
    """What serves; where that was made by another converter than ours, the kept estimator in our own form."""
    try:
        return members_of((folder / COMPILED).read_bytes())
    except (FileNotFoundError, ValueError):
        if ESTIMATOR not in model.manifest.files:
            raise
    estimator = load_estimator(folder / ESTIMATOR)
    if not is_known(estimator):
        raise ValueError(f"it is a {type(estimator).__name__}")
    return members_of(compile_average([estimator], len(model.columns)))
