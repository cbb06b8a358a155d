"""Shapley values: how much each number of a row adds, beside rows of reference. Those of trees are exact.

Lundberg et al., From local explanations to global understanding with explainable AI for trees, Nature Machine
Intelligence 2, 2020 (the interventional form): in a coalition a feature has the row's own number, outside of it the
reference's. A feature that no tree looks at gets exactly 0, and the parts add up to f(row) - f(reference).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from atipico.learn.trees import Tree

ORDERS = 128  # of columns, at the most, where a part is a mean over orders


class Leaves(NamedTuple):
    """The leaves of trees as boxes: a row is in one where low < row[column] <= high for all columns on its way.

    column: int (n, d), d those of the longest way; a shorter one is filled up with columns that it leaves free.
    low, high: float64 (n, d). value: (n,).
    """

    column: np.ndarray
    low: np.ndarray
    high: np.ndarray
    value: np.ndarray

    def hold(self, row: np.ndarray) -> np.ndarray:
        """Whether a row is within a leaf's bounds, bool (n, d)."""
        numbers = row[self.column]
        within: np.ndarray = (self.low < numbers) & (numbers <= self.high)
        return within

    def sum(self, rows: np.ndarray) -> np.ndarray:
        """What the trees add up to, float64 (m, k) -> (m,). No number may be missing."""
        return np.array([self.value[self.hold(row).all(axis=1)].sum() for row in rows])


class Reached(NamedTuple):
    """The leaves that are reached by those coalitions that hold all columns of `own` and none of `other`, bool (n, d).

    own: where the row alone is inside. other: where the reference alone is.
    """

    column: np.ndarray
    value: np.ndarray
    own: np.ndarray
    other: np.ndarray


def leaves_of(trees: Sequence[Tree], columns: int) -> Leaves:
    low, high, value = (np.concatenate(each) for each in zip(*(_boxes(tree, columns) for tree in trees), strict=True))
    free = np.isinf(low) & np.isinf(high)
    longest = columns - int(free.sum(axis=1).min())
    column = np.argsort(free, axis=1, kind="stable")[:, :longest]
    low, high = (np.take_along_axis(one, column, axis=1) for one in (low, high))
    return Leaves(column, low, high, value)


def _boxes(tree: Tree, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """low, high: (n, columns) of each leaf; value: (n,)."""
    low, high = np.full((2, len(tree.left), columns), np.inf)
    low[:] = -np.inf
    nodes = np.array([0])
    while len(nodes := nodes[tree.left[nodes] >= 0]):
        left, right = (way[nodes].astype(np.int64) for way in (tree.left, tree.right))
        feature, threshold = tree.feature[nodes].astype(np.int64), tree.threshold[nodes]
        for child in (left, right):
            low[child], high[child] = low[nodes], high[nodes]
        high[left, feature] = np.minimum(high[left, feature], threshold)
        low[right, feature] = np.maximum(low[right, feature], threshold)
        nodes = np.concatenate([left, right])
    ends = tree.left < 0
    return low[ends], high[ends], tree.value[ends]


def reached(leaves: Leaves, inside: np.ndarray, reference: np.ndarray) -> Reached:
    """inside: which leaves hold the row, and where."""
    beside = leaves.hold(reference)
    some = (inside | beside).all(axis=1)
    inside, beside = inside[some], beside[some]
    return Reached(leaves.column[some], leaves.value[some], inside & ~beside, beside & ~inside)


def shapley(leaves: Leaves, row: np.ndarray, references: np.ndarray) -> np.ndarray:
    """What each column of a row adds to the sum of all trees beside each reference: (k,) and (r, k) -> (r, k).

    Of all orders in which columns come in, (a - 1)! b! / (a + b)! reach a leaf with one of its a own ones, and
    a! (b - 1)! / (a + b)! leave it with one of the b others.
    """
    parts, inside = np.empty(references.shape), leaves.hold(row)
    enters, left = _shares(leaves.column.shape[1])
    for at, reference in enumerate(references):
        some = reached(leaves, inside, reference)
        a, b = some.own.sum(axis=1), some.other.sum(axis=1)
        gains = (some.value * enters[a, b])[:, None] * some.own - (some.value * left[a, b])[:, None] * some.other
        parts[at] = np.bincount(some.column.ravel(), gains.ravel(), len(row))
    return parts


def along(leaves: Leaves, row: np.ndarray, reference: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """The sum of all trees while the row's numbers come in beside a reference's, order by order: (n, k) -> (n, k + 1).

    A leaf is reached from the step that brings the last of its own columns, until the one that brings the first other.
    """
    many, columns = orders.shape
    steps = np.argsort(orders, axis=1) + 1  # by column, the step that brings it
    some = reached(leaves, leaves.hold(row), reference)
    begins, ends = np.zeros((many, len(some.value)), dtype=np.int64), np.full((many, len(some.value)), columns + 1)
    for column, own, other in zip(some.column.T, some.own.T, some.other.T, strict=True):
        begins[:, own] = np.maximum(begins[:, own], steps[:, column[own]])
        ends[:, other] = np.minimum(ends[:, other], steps[:, column[other]])
    order, leaf = np.nonzero(begins < ends)
    value, at = some.value[leaf], order * (columns + 2)
    gains = np.bincount(at + begins[order, leaf], value, many * (columns + 2))
    gains -= np.bincount(at + ends[order, leaf], value, many * (columns + 2))
    return gains.reshape(many, columns + 2).cumsum(axis=1)[:, :-1]


def orders_of(columns: int) -> np.ndarray:
    """Orders in which columns come in, int (n, columns): all where they are few, else some and each one's reverse."""
    if math.factorial(columns) <= ORDERS:
        return np.array(list(permutations(range(columns))))
    drawn = np.random.default_rng(0).permuted(np.tile(np.arange(columns), (ORDERS // 2, 1)), axis=1)
    found: np.ndarray = np.concatenate([drawn, drawn[:, ::-1]])
    return found


def over_orders(values: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """What each column adds when it comes in, the mean over some orders: values (n, k + 1) along orders (n, k)."""
    parts = np.zeros(orders.shape[1])
    np.add.at(parts, orders, np.diff(values, axis=1) / len(orders))
    return parts


def _shares(columns: int) -> tuple[np.ndarray, np.ndarray]:
    """(a - 1)! b! / (a + b)! and a! (b - 1)! / (a + b)! by a and b; 0 where there is none to share among."""
    many = range(columns + 1)
    enters = np.array([[1 / (a * math.comb(a + b, a)) if a else 0.0 for b in many] for a in many])
    return enters, enters.T
