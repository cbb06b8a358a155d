"""What a score is made of, as terms, each of which tells what every number of a row adds to it beside another row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from atipico.learn.shapley import Leaves, shapley, sums
from atipico.registry.models import EQUAL

Link = Callable[[np.ndarray], np.ndarray]


class Parts(NamedTuple):
    """value: what the row gets. bases: (r,), what each reference gets. of: (r, k), from a base to the value."""

    value: float
    bases: np.ndarray
    of: np.ndarray


class Margin(NamedTuple):
    """scale * (sum of trees, or rows @ slopes) + offset: what an estimator adds up. Its parts are Shapley values.

    slopes: float64 (k,) of a line, in which case there are no trees.
    """

    unit: str
    scale: float
    offset: float
    trees: Sequence[Leaves]
    slopes: np.ndarray | None

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        rows = np.vstack([row, references])
        if self.slopes is not None:
            found, of = rows @ self.slopes, self.slopes * (row - references)
        else:
            found, of = sums(self.trees, rows), shapley(self.trees, row, references)
        value, *bases = self.scale * found + self.offset
        return Parts(float(value), np.array(bases), self.scale * of)


class Weighted(NamedTuple):
    """A sum of terms with weights. Parts add up as it does: they are Shapley values where those of its terms are."""

    unit: str
    terms: Sequence[Term]
    weights: Sequence[float]
    offset: float = 0.0

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        found = [term.parts(row, references) for term in self.terms]
        value, bases, of = (
            sum(weight * one for weight, one in zip(self.weights, column, strict=True))
            for column in zip(*found, strict=True)
        )
        return Parts(float(value) + self.offset, np.asarray(bases) + self.offset, np.asarray(of))


class Through(NamedTuple):
    """A function of one term. Parts are carried in proportion to the step that it makes for the term's: they add up,
    and are Shapley values where it is a line between the two.

    Chen, Lundberg, Lee, Explaining a series of models by propagating Shapley values, Nature Communications 13, 2022.
    """

    unit: str
    term: Term
    link: Link

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        value, bases, of = self.term.parts(row, references)
        step = np.where(abs(value - bases) < EQUAL, EQUAL, value - bases)
        slope = (self.link(bases + step) - self.link(bases)) / step
        return Parts(float(self.link(np.array(value))), self.link(bases), slope[:, None] * of)


Term = Margin | Weighted | Through


def innermost(term: Term) -> tuple[Term, Link]:
    """The term that all of it is one function of, and that function."""
    links: list[Link] = []
    while isinstance(term, Through):
        links.append(term.link)
        term = term.term

    def link(values: np.ndarray) -> np.ndarray:
        for one in reversed(links):
            values = one(values)
        return values

    return term, link
