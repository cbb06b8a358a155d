"""The naive chain's model: a forest like the tracked one, fitted on what a sample says by itself."""

from __future__ import annotations

import argparse
from pathlib import Path

FIELDS = ("amount", "customer", "terminal")


def train(path: Path, days: int = 30, trees: int | None = None) -> str:
    """Fit a forest of the shape of models/payments on `days` simulated days and write it to `path`.

    trees: as many as the tracked model has unless given. Returns the forest's shape in words.
    """
    import joblib
    import numpy as np
    from sklearn.base import clone

    from atipico.config import home
    from atipico.registry.estimator import load_estimator
    from atipico.registry.manifest import ESTIMATOR
    from atipico.sources.payments import simulate

    tracked = max((home() / "models" / "payments").iterdir(), key=lambda folder: int(folder.name))
    forest = clone(load_estimator(tracked / ESTIMATOR))
    if trees is not None:
        forest.set_params(n_estimators=trees)
    columns = simulate(days)
    forest.fit(np.column_stack([columns[name] for name in FIELDS]), columns["fraud"])
    joblib.dump(forest, path)
    return f"{forest.n_estimators} trees, at most {forest.max_depth} deep"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("path", type=Path)
    words.add_argument("--days", type=int, default=30)
    words.add_argument("--trees", type=int)
    given = words.parse_args()
    print(train(given.path, given.days, given.trees))


if __name__ == "__main__":
    main()
