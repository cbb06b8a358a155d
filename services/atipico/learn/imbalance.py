"""Few anomalies beside many usual rows: what is done about it before an estimator is shown them, by its name.

Neighbours are sought among columns of one scale; a row that is kept keeps its own numbers, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from atipico.errors import Refused, nearest
from atipico.learn.extra import needed
from atipico.learn.methods import Imbalance


class Shown(NamedTuple):
    """What an estimator is shown. rows: float64 (n, k), label: int8 (n,), weight: float64 (n,) or None: all alike."""

    rows: np.ndarray
    label: np.ndarray
    weight: np.ndarray | None


def balanced(told: Imbalance, shown: Shown) -> Shown:
    """The rows of one training, balanced. Raises Refused for a method that there is not, or what its library says."""
    if told.kind not in METHODS:
        raise Refused(f"no method {told.kind!r} against imbalance{nearest(told.kind, METHODS)}")
    try:
        with needed(f"imbalance {told.kind}"):
            return METHODS[told.kind](told, shown)
    except ValueError as error:
        few = int((shown.label == 1).sum())
        raise Refused(
            f"imbalance {told.kind}, ratio {told.ratio:g}, on {few} anomalies of {len(shown.label)} rows: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error


def _none(told: Imbalance, shown: Shown) -> Shown:
    return shown


def _class_weights(told: Imbalance, shown: Shown) -> Shown:
    """Anomalies weigh, all together, `ratio` times what the usual rows do."""
    weight = np.ones(len(shown.label)) if shown.weight is None else shown.weight
    anomalies = shown.label == 1
    factor = told.ratio * weight[~anomalies].sum() / weight[anomalies].sum()
    return shown._replace(weight=np.where(anomalies, weight * factor, weight))


def _random_under(told: Imbalance, shown: Shown) -> Shown:
    from imblearn.under_sampling import RandomUnderSampler

    return _picked(RandomUnderSampler(sampling_strategy=told.ratio, random_state=told.seed), shown)


def _random_over(told: Imbalance, shown: Shown) -> Shown:
    from imblearn.over_sampling import RandomOverSampler

    return _picked(RandomOverSampler(sampling_strategy=told.ratio, random_state=told.seed), shown)


def _smote(told: Imbalance, shown: Shown) -> Shown:
    """Rows between an anomaly and one of its nearest. Chawla, Bowyer, Hall, Kegelmeyer, JAIR 16, 2002."""
    from imblearn.over_sampling import SMOTE

    sampler = SMOTE(sampling_strategy=told.ratio, k_neighbors=told.neighbours, random_state=told.seed)
    return _added(sampler, shown)


def _adasyn(told: Imbalance, shown: Shown) -> Shown:
    """More of them where usual rows are near. He, Bai, Garcia, Li, IJCNN 2008."""
    from imblearn.over_sampling import ADASYN

    sampler = ADASYN(sampling_strategy=told.ratio, n_neighbors=told.neighbours, random_state=told.seed)
    return _added(sampler, shown)


def _smote_enn(told: Imbalance, shown: Shown) -> Shown:
    """SMOTE, then without rows whose nearest are not all of their kind. Batista, Prati, Monard, SIGKDD 6(1), 2004."""
    from imblearn.under_sampling import EditedNearestNeighbours

    return _picked(EditedNearestNeighbours(sampling_strategy="all"), _smote(told, shown))


METHODS: Mapping[str, Callable[[Imbalance, Shown], Shown]] = {
    "none": _none,
    "class_weights": _class_weights,
    "random_under": _random_under,
    "random_over": _random_over,
    "smote": _smote,
    "adasyn": _adasyn,
    "smote_enn": _smote_enn,
}
RESAMPLE = METHODS.keys() - {"none", "class_weights"}  # the others leave the rows as they are


def _picked(sampler: Any, shown: Shown) -> Shown:
    """The rows that a sampler keeps, some of them more than once."""
    sampler.fit_resample(_scaled(shown.rows)[0], shown.label)
    at = sampler.sample_indices_
    return Shown(shown.rows[at], shown.label[at], None if shown.weight is None else shown.weight[at])


def _added(sampler: Any, shown: Shown) -> Shown:
    """The rows as they are, and behind them the new anomalies that a sampler makes; these weigh as anomalies do."""
    scaled, mean, spread = _scaled(shown.rows)
    made, label = sampler.fit_resample(scaled, shown.label)
    many = len(shown.rows)
    weight = shown.weight
    if weight is not None:
        weight = np.append(weight, np.full(len(label) - many, weight[shown.label == 1].mean()))
    return Shown(np.vstack([shown.rows, made[many:] * spread + mean]), label.astype(shown.label.dtype), weight)


def _scaled(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of mean 0 and spread 1, and the means and spreads, (k,), that they had."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return (rows - mean) / spread, mean, spread
