"""What a score is made of, as terms, each of which tells what every number of a row adds to it beside another row.

Each has `values` (m, k) -> (m,), `parts`, and `along`: its values while the row's numbers come in one by one beside a
reference's, in some orders, (n, k) -> (n, k + 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from atipico.learn.shapley import Leaves, along, orders_of, over_orders, shapley
from atipico.registry.models import EQUAL

Link = Callable[[np.ndarray], np.ndarray]


class Parts(NamedTuple):
    """value: what the row gets. bases: (r,), what each reference gets. of: (r, k), from a base to the value."""

    value: float
    bases: np.ndarray
    of: np.ndarray


class Trees(NamedTuple):
    """scale * (sum of the trees) + offset. Its parts are Shapley values."""

    unit: str
    leaves: Leaves
    scale: float
    offset: float

    def values(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.scale * self.leaves.sum(rows) + self.offset)

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        value, *bases = self.values(np.vstack([row, references]))
        return Parts(float(value), np.array(bases), self.scale * shapley(self.leaves, row, references))

    def along(self, row: np.ndarray, reference: np.ndarray, orders: np.ndarray) -> np.ndarray:
        return np.asarray(self.scale * along(self.leaves, row, reference, orders) + self.offset)


class Line(NamedTuple):
    """rows @ slopes + offset, whose parts are those of the sum."""

    unit: str
    slopes: np.ndarray
    offset: float

    def values(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows @ self.slopes + self.offset)

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        value, *bases = self.values(np.vstack([row, references]))
        return Parts(float(value), np.array(bases), self.slopes * (row - references))

    def along(self, row: np.ndarray, reference: np.ndarray, orders: np.ndarray) -> np.ndarray:
        gains = (self.slopes * (row - reference))[orders].cumsum(axis=1)
        return np.asarray(np.pad(gains, ((0, 0), (1, 0))) + self.values(reference[None]))


class Weighted(NamedTuple):
    """A sum of terms with weights, whose parts are the sums of theirs."""

    unit: str
    terms: Sequence[Term]
    weights: Sequence[float]
    offset: float = 0.0

    def values(self, rows: np.ndarray) -> np.ndarray:
        each = [weight * term.values(rows) for weight, term in zip(self.weights, self.terms, strict=True)]
        return np.asarray(sum(each) + self.offset)

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        found = [term.parts(row, references) for term in self.terms]
        value, bases, of = (
            sum(weight * one for weight, one in zip(self.weights, column, strict=True))
            for column in zip(*found, strict=True)
        )
        return Parts(float(value) + self.offset, np.asarray(bases) + self.offset, np.asarray(of))

    def along(self, row: np.ndarray, reference: np.ndarray, orders: np.ndarray) -> np.ndarray:
        each = [
            weight * one.along(row, reference, orders) for weight, one in zip(self.weights, self.terms, strict=True)
        ]
        return np.asarray(sum(each) + self.offset)


class Through(NamedTuple):
    """A function of one term. Parts are carried in proportion to the step that it makes for the term's, and what
    it bends between the two is averaged over orders in which columns come in: both add up.

    bends: False for what is a line wherever it matters; nothing is left then by the proportion.
    """

    unit: str
    term: Term
    link: Link
    bends: bool = True

    def values(self, rows: np.ndarray) -> np.ndarray:
        return self.link(self.term.values(rows))

    def parts(self, row: np.ndarray, references: np.ndarray) -> Parts:
        value, bases, of = self.term.parts(row, references)
        step = np.where(abs(value - bases) < EQUAL, EQUAL, value - bases)
        slopes = (self.link(bases + step) - self.link(bases)) / step
        carried = slopes[:, None] * of
        if self.bends:
            orders = orders_of(len(row))
            carried += [self._bent(slope, row, one, orders) for slope, one in zip(slopes, references, strict=True)]
        return Parts(float(self.link(np.array(value))), self.link(bases), carried)

    def along(self, row: np.ndarray, reference: np.ndarray, orders: np.ndarray) -> np.ndarray:
        return self.link(self.term.along(row, reference, orders))

    def _bent(self, slope: float, row: np.ndarray, reference: np.ndarray, orders: np.ndarray) -> np.ndarray:
        inner = self.term.along(row, reference, orders)
        return over_orders(self.link(inner) - slope * inner, orders)


Term = Trees | Line | Weighted | Through


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
