"""The payments model with another number of trees: the same features and depth, fitted to what the tracked one says."""

from __future__ import annotations

from pathlib import Path

ROWS, SPREAD = 20_000, 2.0  # of what is usual; in its standard deviations


def register_wider(folder: Path, trees: int) -> None:
    """Put a model `payments` into `folder` that costs what a forest of so many trees costs."""
    import numpy as np
    from sklearn.base import clone

    from atipico.config import home
    from atipico.learn.register import Trained, register
    from atipico.registry.estimator import load_estimator
    from atipico.registry.manifest import ESTIMATOR
    from atipico.registry.models import load

    tracked = max((home() / "models" / "payments").iterdir(), key=lambda version: int(version.name))
    model = load(tracked)
    info = model.info()
    mean, spread = np.array([info.usual[name] for name in info.columns]).T
    rows = np.random.default_rng(1).normal(mean, SPREAD * spread, (ROWS, len(info.columns)))
    flagged = model.score(rows) >= info.threshold
    forest = clone(load_estimator(tracked / ESTIMATOR)).set_params(n_estimators=trees)
    forest.fit(rows.astype(np.float32), flagged)
    register(
        Trained(
            name="payments",
            kind="supervised",
            estimator=forest,
            columns=info.columns,
            known=rows,
            usual=~flagged,
            threshold=info.threshold,
            metrics={},
            card=f"# payments with {trees} trees\n\nFor measuring what it costs; it detects nothing of its own.",
            trained_on=f"{ROWS} rows drawn about what is usual, as {info.version} says of them",
            made_by="bench/wide.py",
        ),
        folder,
    )
