"""The stages of learning: get, validate, features, train, evaluate, register.

Each reads named files and writes some, and is left out while nothing that it reads has changed. One that is asked for
alone does those before it that are due, but `get`: nothing else asks the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from atipico.errors import Refused
from atipico.learn import combine, estimators, plots, quality, reads
from atipico.learn.calendar import Span
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.fit import fit, threshold_of
from atipico.learn.judge import earlier_spans, judge
from atipico.learn.learnt import trained_of
from atipico.learn.places import Track
from atipico.learn.prepared import Prepared
from atipico.learn.progress import counted
from atipico.learn.receipts import Reads
from atipico.learn.recipe import periods_of
from atipico.learn.register import register
from atipico.learn.run import ESTIMATORS, SAMPLE, Run, versions
from atipico.learn.split import Split, split
from atipico.learn.table import Table
from atipico.registry.models import Model, load

_SAMPLED = 5000  # rows that a run keeps of its training


class Learning(Prepared):
    """One FILE.toml at work: the stages that make a run of its data, train, evaluate and register."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.members = estimators.members_of(self.recipe)

    def train(self) -> Run:
        """Train all estimators, find the threshold, and write both into a new run."""
        begun = perf_counter()
        self.features()
        read = reads.of_train(self.recipe, self.kept.made("features"))
        if not self._due("train", read, last := self._last_run()) and last:
            return last
        table = self.table()
        made = split(self.recipe, table)
        run = Run.new(self.runs, self.recipe.name)
        run.told["seconds"]["features"] = round(perf_counter() - begun, 2)
        with counted(self.bar, "training", self._trainings(table, made)):
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
        self._done("train", read, [*(run.folder / ESTIMATORS).iterdir(), run.folder / SAMPLE], run)
        self.say(f"  trained on {len(fitted.rows)} rows of {made.train}; threshold {threshold:.4g}; {run.folder}")
        return run

    def evaluate(self, run: Run | None = None) -> bool:
        """Judge a run, the newest unless given, and draw it. False and a warning where there is nothing to judge on."""
        run = run or self.find_run()
        self.features()
        read = reads.of_evaluate(self.recipe, self.kept.made("features"), run)
        if not self._due("evaluate", read, run):
            return True
        table = self.table()
        self._same_features(run, table)
        made = Split(*(Span(*span) for span in run.told["split"]))
        if table.span.stop <= made.test.start:
            self.say(f"warning: not evaluated: the data are of {table.span}, the test is of {made.test}")
            return False
        if table.span.stop < made.test.stop:
            missing = f"{made.test.stop - table.span.stop} x {self.recipe.period}"
            self.say(f"warning: the data end {missing} before the test does; judged on what is there of {made.test}")
        earlier = (self.recipe.test.spans - 1) * self._trainings(table, made)
        with run.timed("evaluate"), counted(self.bar, "judging", earlier):
            ensemble = self._read(run)
            threshold = float(run.told["threshold"]["value"])
            try:
                found = judge(self.recipe, table, made, ensemble, threshold)
            except Refused as error:
                self.say(f"warning: not evaluated: {error}")
                return False
            average = found.told["average"]
            spans = [average, *earlier_spans(self.recipe, table, made, self.members, self.say)]
        run.told["metrics"] = {
            "span": str(made.test),
            "k": self.recipe.test.k,
            **found.told,
            "spans": {"many": len(spans), "figures": spans, **quality.over_spans(spans)},
        }
        run.told["evaluated_on"] = self._data_told()
        with run.timed("plots"), self.bar("drawing"):
            plots.draw(run.folder, found.scores, found.label, average, threshold, table.columns, ensemble.members)
        self._done("evaluate", read, sorted(run.folder.glob("*.png")), run)
        self.say(
            f"  judged on {average['samples']} samples of {made.test}, {average['anomalies']} of them anomalies: "
            f"AUC {_number(average['auc'])}, average precision {_number(average['average_precision'])}, "
            f"precision@{self.recipe.test.k} {_number(average['precision_at_k'])} "
            f"± {_number(average['spread']['precision_at_k'])} over {periods_of(self.recipe.period)}"
        )
        return True

    def register(self, run: Run | None = None) -> Model:
        """Put a run's model, the newest unless given, into the registry: compiled, with card and golden rows."""
        run = run or self.find_run()
        read = reads.of_register(self.models, run)
        if not self._due("register", read, run):
            return load(self.models.joinpath(*run.told["registered"].split("@")))
        rows, label = run.sample()
        with run.timed("register"), self.bar("compiling"):
            trained = trained_of(run.told, rows, label, self._read(run))
            model = register(trained, self.models)
        run.told["registered"] = model.id
        self._done("register", read, sorted(self.models.joinpath(*model.id.split("@")).iterdir()), run)
        return model

    def all(self) -> Model:
        """All stages, one after the other; the data are got where the recipe says how, and none were given."""
        if self.recipe.get and self.data is None:
            self.get()
        run = self.train()
        self.evaluate(run)
        return self.register(run)

    def find_run(self, name: str | None = None) -> Run:
        return Run.find(self.runs, self.recipe.name, name)

    def _due(self, stage: str, read: Reads, run: Run | None) -> bool:
        """Whether a stage of that run is to be done; where it is not, MLflow may still have to hear of it."""
        due = self.kept.due(stage, read, run)
        if run and not due:
            self._tell(run)
        return due

    def _done(self, stage: str, read: Reads, wrote: Sequence[Path], run: Run) -> None:
        self.kept.done(stage, read, wrote, run)
        self._tell(run)

    def _tell(self, run: Run) -> None:
        """To MLflow, where somebody asked for it."""
        if self.track or self.recipe.track:
            from atipico.learn.track import tell

            tell(run, self.recipe.track or Track(), self.runs)

    def _trainings(self, table: Table, made: Split) -> int:
        """How many estimators are trained for one ensemble and its threshold."""
        ensemble, gap = self.recipe.train.ensemble, made.gap
        twice = ensemble.kind != "average" or ensemble.calibrate != "none"
        earlier = self.recipe.threshold.cost is not None or gap.start >= min(gap.stop, table.span.stop)
        return len(self.members) * (1 + twice) * (1 + earlier)

    def _last_run(self) -> Run | None:
        try:
            return self.find_run()
        except Refused:
            return None

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


def _sample(table: Table, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Some of the rows that trained, evenly over time."""
    some = rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLED).astype(int))]
    return table.values[some], table.label[some]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
