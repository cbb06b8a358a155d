"""Small models, trained in a moment, for tests of what keeps and serves models."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from atipico.learn.register import Trained

COLUMNS = ("amount", "speed", "heat")


def small(name: str = "small", kind: str = "supervised", seed: int = 0) -> Trained:
    """Trained on rows whose `amount` above 2 is an anomaly."""
    rng = np.random.default_rng(seed)
    known = rng.normal(0, 1.5, (600, len(COLUMNS)))
    strange = known[:, 0] > 2
    if kind == "supervised":
        estimator = RandomForestClassifier(n_estimators=8, max_depth=5, random_state=seed)
        estimator.fit(known.astype(np.float32), strange)
    else:
        estimator = IsolationForest(n_estimators=8, max_samples=64, random_state=seed).fit(known.astype(np.float32))
    return Trained(
        name=name,
        kind=kind,
        estimator=estimator,
        columns=COLUMNS,
        known=known,
        usual=~strange,
        threshold=0.5 if kind == "supervised" else 0.95,
        metrics={"auc_all": 0.9},
        card="# small\n\nFor tests.",
        trained_on="600 rows",
        made_by="a test",
    )


class Remembers:
    """An estimator that keeps what it was shown."""

    rows: np.ndarray
    label: np.ndarray
    weight: np.ndarray | None

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return {}

    def fit(self, rows: np.ndarray, label: np.ndarray, sample_weight: np.ndarray | None = None) -> Remembers:
        self.rows, self.label, self.weight = rows, label, sample_weight
        return self
