"""The stages of learning: train, evaluate, register. Each reads what the one before left in the run's folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from atipico.config import home
from atipico.errors import Refused, nearest
from atipico.learn import combine, estimators, plots, quality
from atipico.learn.calendar import Span
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.fit import fit, threshold_of
from atipico.learn.judge import earlier_weeks, judge
from atipico.learn.learnt import trained_of
from atipico.learn.recipe import read_recipe
from atipico.learn.register import register
from atipico.learn.run import ESTIMATORS, Run, versions
from atipico.learn.split import Split, split
from atipico.learn.table import Table, table_of
from atipico.registry.jobs import Job, load_job
from atipico.registry.manifest import digest_of
from atipico.registry.models import Model

SAMPLE = 5000  # rows that a run keeps of its training


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class Learning:
    """One FILE.toml at work, and the table of its data, which is made once and shared by the stages.

    data: a CSV or Parquet, the recipe's own unless given. start, to: the first and last day that train. runs, models:
    the folders, under home unless given. say: what is told on the way.
    """

    file: Path
    data: str | None = None
    start: date | None = None
    to: date | None = None
    runs: Path = field(default_factory=lambda: home() / "runs")
    models: Path = field(default_factory=lambda: home() / "models")
    say: Callable[[str], None] = _say
    step: Callable[[int], object] = lambda rows: None

    def __post_init__(self) -> None:
        recipe = read_recipe(self.file)
        given = {"start": self.start, "to": self.to}
        train = recipe.train.model_copy(update={name: day for name, day in given.items() if day is not None})
        self.recipe = recipe.model_copy(update={"train": train})
        self.members = estimators.members_of(self.recipe)
        self.job = find_job(self.recipe.job, self.file.parent)
        self._table: Table | None = None

    def train(self) -> Run:
        """Train all estimators, find the threshold, and write both into a new run."""
        run = Run.new(self.runs, self.recipe.name)
        with run.timed("features"):
            table = self.table()
        made = split(self.recipe, table)
        with run.timed("train"):
            fitted = fit(self.recipe, table, made, self.members, self.say)
        for member in fitted.ensemble.members:
            estimators.write(member, run.folder / ESTIMATORS)
        with run.timed("threshold"):
            threshold, judged_on = threshold_of(self.recipe, table, fitted, self.members, self.say)
        run.keep_sample(*_sample(table, fitted.rows))
        run.told |= {
            "recipe": self.recipe.model_dump(mode="json", by_alias=True),
            "data": self._data_told(),
            "job": self.job.name,
            "features": {"shape": table.shape, "columns": list(table.columns)},
            "label_delay_ns": table.label_delay,
            "split": [list(span) for span in made],
            "trained": {
                "days": str(made.train),
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
        run.save()
        self.say(f"trained on {len(fitted.rows)} rows of {made.train}; threshold {threshold:.4g}; {run.folder}")
        return run

    def evaluate(self, run: Run | None = None) -> bool:
        """Judge a run, the newest unless given, and draw it. False and a warning where there is nothing to judge on."""
        run = run or self.find_run()
        table = self.table()
        self._same_features(run, table)
        made = Split(*(Span(*span) for span in run.told["split"]))
        if table.days.stop <= made.test.start:
            self.say(f"warning: not evaluated: the data are of {table.days}, the test days are {made.test}")
            return False
        if table.days.stop < made.test.stop:
            missing = made.test.stop - table.days.stop
            self.say(
                f"warning: the data end {missing} days before the test does; judged on what is there of {made.test}"
            )
        with run.timed("evaluate"):
            ensemble = self._read(run)
            threshold = float(run.told["threshold"]["value"])
            try:
                found = judge(self.recipe, table, made, ensemble, threshold)
            except Refused as error:
                self.say(f"warning: not evaluated: {error}")
                return False
            average = found.told["average"]
            weeks = [average, *earlier_weeks(self.recipe, table, made, self.members, self.say)]
        run.told["metrics"] = {
            "days": str(made.test),
            "k": self.recipe.test.k,
            **found.told,
            "weeks": {"many": len(weeks), "figures": weeks, **quality.over_weeks(weeks)},
        }
        run.told["evaluated_on"] = self._data_told()
        with run.timed("plots"):
            plots.draw(run.folder, found.scores, found.label, average, threshold, table.columns, ensemble.members)
        run.save()
        self.say(
            f"judged on {average['samples']} samples of {made.test}, {average['anomalies']} of them anomalies: "
            f"AUC {_number(average['auc'])}, average precision {_number(average['average_precision'])}, "
            f"precision@{self.recipe.test.k} {_number(average['precision_at_k'])} "
            f"± {_number(average['spread']['precision_at_k'])} over days"
        )
        return True

    def register(self, run: Run | None = None) -> Model:
        """Put a run's model, the newest unless given, into the registry: compiled, with card and golden rows."""
        run = run or self.find_run()
        rows, label = run.sample()
        with run.timed("register"):
            trained = trained_of(run.told, rows, label, self._read(run))
            model = register(trained, self.models)
        run.told["registered"] = model.id
        run.save()
        return model

    def all(self) -> Model:
        """All stages, one after the other."""
        run = self.train()
        self.evaluate(run)
        return self.register(run)

    def table(self) -> Table:
        """The table of the data, made when it is first asked for."""
        if self._table is None:
            self._table = table_of(self.recipe, self.job, self._file(), self.step)
        return self._table

    def find_run(self, name: str | None = None) -> Run:
        return Run.find(self.runs, self.recipe.name, name)

    def _file(self) -> str:
        if chosen := self.data or self.recipe.data:
            return chosen
        raise Refused(f"{self.file} names no data; give --data FILE")

    def _data_told(self) -> dict[str, Any]:
        path = Path(self._file())
        return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest_of(path)}

    def _read(self, run: Run) -> Ensemble:
        made = [Member(**one, estimator=None) for one in run.told["estimators"]]
        told = run.told.get("ensemble", {})
        return Ensemble(
            [estimators.read(one, run.folder / ESTIMATORS) for one in made],
            combine.read(told.get("stacking")),
            combine.read(told.get("calibration")),
        )

    def _same_features(self, run: Run, table: Table) -> None:
        told = run.told["features"]
        if (told["shape"], tuple(told["columns"])) != (table.shape, table.columns):
            raise Refused(f"run {run.id} was trained on other features than job {self.job.name} has now; train again")


def find_job(name: str, beside: Path) -> Job:
    """The job NAME of jobs/, or of a file NAME.toml in the folder `beside`. Raises Refused with the nearest name."""
    if name.endswith(".toml"):
        return load_job(beside / name)
    folder = home() / "jobs"
    known = [path.stem for path in folder.glob("*.toml")]
    if name not in known:
        raise Refused(f"no job {name!r} in {folder}{nearest(name, known)}")
    return load_job(folder / f"{name}.toml")


def _sample(table: Table, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some of the rows that trained, evenly over time."""
    some = rows[np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(int))]
    return table.values[some], table.label[some]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
