"""What the stage `train` does: the estimators of a run, its threshold, and what it tells of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from atipico.learn import combine, estimators
from atipico.learn.ensembles import Member
from atipico.learn.fit import fit, free_gap, threshold_of
from atipico.learn.progress import Bar, counted
from atipico.learn.recipe import Recipe
from atipico.learn.run import ESTIMATORS, Run, versions
from atipico.learn.split import Split, split
from atipico.learn.table import Table

_SAMPLED = 5000  # rows that a run keeps of its training


def train(
    run: Run, recipe: Recipe, table: Table, members: Sequence[Member], bar: Bar, say: Callable[[str], None]
) -> None:
    """Train all estimators, find the threshold, and write both into a new run."""
    made = split(recipe, table)
    with counted(bar, "training", trainings(recipe, table, made, members)):
        with run.timed("train"):
            fitted = fit(recipe, table, made, members, say)
        for member in fitted.ensemble.members:
            estimators.write(member, run.folder / ESTIMATORS)
        with run.timed("threshold"):
            threshold, judged_on = threshold_of(recipe, table, fitted, members, say)
    run.keep_sample(*_sample(table, fitted.rows))
    run.told |= {
        "features": {"shape": table.shape, "columns": list(table.columns)},
        "label_delay_ns": table.label_delay,
        "split": [list(span) for span in made],
        "trained": {
            "span": str(made.train),
            "rows": len(fitted.rows),
            "anomalies": int((table.label[fitted.rows] == 1).sum()),
        },
        "estimators": [{"name": m.name, "kind": m.kind, "share": m.share} for m in fitted.ensemble.members],
        "ensemble": {
            "stacking": combine.told(fitted.ensemble.stacking),
            "calibration": combine.told(fitted.ensemble.calibration),
        },
        "threshold": {"value": threshold, "from": judged_on},
        "versions": versions(),
    }
    say(f"  trained on {len(fitted.rows)} rows of {made.train}; threshold {threshold:.4g}; {run.folder}")


def trainings(recipe: Recipe, table: Table, made: Split, members: Sequence[Member]) -> int:
    """How many estimators are trained for one ensemble and its threshold."""
    ensemble = recipe.train.ensemble
    twice = ensemble.kind != "average" or ensemble.calibrate != "none"
    return len(members) * (1 + twice) * (1 + (free_gap(recipe, table, made) is None))


def _sample(table: Table, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some of the rows that trained, evenly over time."""
    some = rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLED).astype(int))]
    return table.values[some], table.label[some]
