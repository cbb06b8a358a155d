"""Shapley values: how much each number of a row adds, beside rows of reference. Those of trees are exact.

Lundberg et al., From local explanations to global understanding with explainable AI for trees, Nature Machine
Intelligence 2, 2020 (the interventional form): in a coalition a feature has the row's own number, outside of it the
reference's. A feature that no tree looks at gets exactly 0, and the parts add up to f(row) - f(reference).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from atipico.learn.trees import Tree

ORDERS = 128  # of columns, at the most, where a part is a mean over orders


class Leaves(NamedTuple):
    """The leaves of one tree as boxes: a row is in a leaf where low < row <= high. low, high: (n, k); value: (n,)."""

    low: np.ndarray
    high: np.ndarray
    value: np.ndarray


def leaves_of(tree: Tree, columns: int) -> Leaves:
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
    return Leaves(low[ends], high[ends], tree.value[ends])


def shapley(trees: Sequence[Leaves], row: np.ndarray, references: np.ndarray) -> np.ndarray:
    """What each column of a row adds to the sum of all trees beside each reference: (k,) and (r, k) -> (r, k).

    A leaf is reached by those coalitions that hold all columns where the row alone is inside (a of them) and none where
    the reference alone is (b). Of all orders in which columns come in, (a - 1)! b! / (a + b)! reach the leaf with one
    of the a, and a! (b - 1)! / (a + b)! leave it with one of the b.
    """
    parts = np.zeros(references.shape)
    enters, leaves = _shares(len(row))
    for low, high, value in trees:
        inside = (low < row) & (row <= high)
        for at, reference in enumerate(references):
            beside = (low < reference) & (reference <= high)
            own, other = inside & ~beside, beside & ~inside
            reached = value * (inside | beside).all(axis=1)
            a, b = own.sum(axis=1), other.sum(axis=1)
            parts[at] += (reached * enters[a, b]) @ own - (reached * leaves[a, b]) @ other
    return parts


def sums(trees: Sequence[Tree], rows: np.ndarray) -> np.ndarray:
    """What all trees add up to, float64 (m, k) -> (m,). No number may be missing."""
    found, every = np.zeros(len(rows)), np.arange(len(rows))
    for tree in trees:
        node = np.zeros(len(rows), dtype=np.int64)
        while (inner := tree.left[node] >= 0).any():
            goes_left = rows[every, tree.feature[node]] <= tree.threshold[node]
            node = np.where(inner, np.where(goes_left, tree.left[node], tree.right[node]), node)
        found += tree.value[node]
    return found


def orders_of(columns: int) -> np.ndarray:
    """Orders in which columns come in, int (n, columns): all where they are few, else some and each one's reverse."""
    if math.factorial(columns) <= ORDERS:
        return np.array(list(permutations(range(columns))))
    drawn = np.random.default_rng(0).permuted(np.tile(np.arange(columns), (ORDERS // 2, 1)), axis=1)
    found: np.ndarray = np.concatenate([drawn, drawn[:, ::-1]])
    return found


def over_orders(
    value: Callable[[np.ndarray], np.ndarray], row: np.ndarray, reference: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """What each column of a row adds to any function of rows when it comes in, the mean over some orders, (k,)."""
    many, columns = orders.shape
    steps = np.tile(reference, (many, columns + 1, 1))
    for step in range(columns):
        steps[:, step + 1] = steps[:, step]
        steps[np.arange(many), step + 1, orders[:, step]] = row[orders[:, step]]
    gains = np.diff(value(steps.reshape(-1, columns)).reshape(many, -1), axis=1)
    parts = np.zeros(columns)
    np.add.at(parts, orders, gains / many)
    return parts


def _shares(columns: int) -> tuple[np.ndarray, np.ndarray]:
    """(a - 1)! b! / (a + b)! and a! (b - 1)! / (a + b)! by a and b; 0 where there is none to share among."""
    many = range(columns + 1)
    enters = np.array([[1 / (a * math.comb(a + b, a)) if a else 0.0 for b in many] for a in many])
    return enters, enters.T
