"""A simulated world whose frauds have a known cause, and a model that finds them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from lightgbm import LGBMClassifier

from atipico.config import home
from atipico.learn.recipe import Recipe
from atipico.learn.register import Trained, register
from atipico.learn.table import Table, table_of
from atipico.registry.jobs import load_job
from atipico.registry.models import Model
from atipico.sources.payments_file import make_file

UNUSED = "terminal_since"  # never varies while the model is trained, so that no tree looks at it
DAYS, TRAINED = 60, 45


class Case(NamedTuple):
    """file: payments.parquet. table: its rows. flagged: the frauds of the days after the training that are found."""

    file: Path
    table: Table
    model: Model
    folder: Path
    flagged: np.ndarray

    @property
    def kind(self) -> np.ndarray:
        assert self.table.kind is not None
        return self.table.kind[self.flagged]

    @property
    def rows(self) -> np.ndarray:
        return self.table.values[self.flagged]

    def is_cause(self, kind: str, feature: str) -> bool:
        """Whether a feature looks at what that kind of fraud changes."""
        if kind == "2":  # a fallen terminal: amounts are what they are
            return feature.startswith("terminal_")
        return feature == "amount" or feature.startswith(("card_", "suspicious"))


def known_causes(folder: Path) -> Case:
    """Amounts far out (kind 1), fallen terminals (2), stolen cards (3); found from the features of `transactions`."""
    file = folder / "payments.parquet"
    make_file(file, days=DAYS, customers=350, terminals=200)
    told = {"name": "causes", "job": "transactions", "dataset": "payments", "estimator": [{"kind": "lightgbm"}]}
    recipe = Recipe.model_validate(told | {"threshold": {"alerts_per_day": 3}, "test": {"k": 10, "key": "customer"}})
    table = table_of(recipe, load_job(home() / "jobs" / "transactions.toml"), str(file))
    day = table.period - table.period.min()
    early = (day >= 14) & (day < TRAINED) & (table.label >= 0)
    rows, label = table.values[early].copy(), table.label[early]
    rows[:, table.columns.index(UNUSED)] = 0.0
    boosting = LGBMClassifier(n_estimators=120, num_leaves=8, colsample_bytree=0.3, num_threads=1, verbose=-1)
    boosting.fit(rows, label)
    known = rows[:: len(rows) // 3000]
    about = {"card": "# causes\n\nFor a test.", "trained_on": "a world", "made_by": "a test", "metrics": {}}
    shape = {"name": "causes", "kind": "supervised", "columns": table.columns, "threshold": 0.3}
    usual = label[:: len(rows) // 3000] == 0
    model = register(Trained(estimator=boosting, known=known, usual=usual, **shape, **about), folder / "models")
    found = (day >= TRAINED) & (table.label == 1) & (model.score(table.values) >= model.threshold)
    return Case(file, table, model, folder / "models" / "causes" / "1", np.flatnonzero(found))
