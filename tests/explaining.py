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


def by_definition(value: Callable[[np.ndarray], np.ndarray], row: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """What each number adds when it comes in, averaged over all orders in which they can."""
    orders = list(permutations(range(len(row))))
    steps = np.repeat(reference[None], len(orders) * (len(row) + 1), axis=0).reshape(len(orders), len(row) + 1, -1)
    for at, order in enumerate(orders):
        for step, column in enumerate(order):
            steps[at, step + 1 :, column] = row[column]
    gains = np.diff(value(steps.reshape(-1, len(row))).reshape(len(orders), -1), axis=1)
    parts = np.zeros(len(row))
    for order, gain in zip(orders, gains, strict=True):
        parts[list(order)] += gain
    return parts / math.factorial(len(row))
