"""Small models whose parts are known by their definition."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from atipico.learn.explain import Explainer
from atipico.learn.register import Trained, register

COLUMNS = ("a", "b", "c", "d", "e")


def samples(rows: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """What is true depends on a, and on b and c together; d means nothing; e never varies."""
    known = np.random.default_rng(0).normal(size=(rows, 5))
    known[:, 4] = 7.0
    return known, (known[:, 0] > 1.3) | ((known[:, 1] > 0.5) & (known[:, 2] > 0.8))


def registered(estimator: Any, folder: Path, kind: str = "supervised", compiled: bool = True) -> Explainer:
    known, truth = samples()
    about = {"card": "# hand\n\nFor a test.", "trained_on": "rows", "made_by": "a test", "metrics": {}}
    shape = {"name": "hand", "kind": kind, "columns": COLUMNS, "threshold": 0.5 if kind == "supervised" else 0.95}
    model = register(Trained(estimator=estimator, known=known, usual=~truth, **shape, **about), folder, compiled)
    return Explainer(folder / "hand" / str(model.manifest.version))


def steps_of(
    value: Callable[[np.ndarray], np.ndarray], row: np.ndarray, reference: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """The values while the row's numbers come in beside a reference's, order by order: (n, k) -> (n, k + 1)."""
    many, columns = orders.shape
    steps = np.tile(reference, (many, columns + 1, 1))
    for at, order in enumerate(orders):
        for step, column in enumerate(order):
            steps[at, step + 1 :, column] = row[column]
    return value(steps.reshape(-1, columns)).reshape(many, -1)


def by_definition(value: Callable[[np.ndarray], np.ndarray], row: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What each number adds when it comes in, averaged over all orders in which they can."""
    orders = np.array(list(permutations(range(len(row)))))
    parts = np.zeros(len(row))
    for order, gain in zip(orders, np.diff(steps_of(value, row, reference, orders), axis=1), strict=True):
        parts[order] += gain
    return parts / math.factorial(len(row))
