"""The stages of learning: get, validate, features, train, evaluate, register.

Each reads named files and writes some, and is left out while nothing that it reads has changed. One that is asked for
alone does those before it that are due, but `get`: nothing else asks the network.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from atipico.config import home
from atipico.errors import Refused, nearest
from atipico.learn import combine, estimators, plots, quality, reads
from atipico.learn import get as get_stage
from atipico.learn.batch import check_batch
from atipico.learn.calendar import Span
from atipico.learn.data_page import write_page
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.fit import fit, threshold_of
from atipico.learn.judge import earlier_weeks, judge
from atipico.learn.learnt import trained_of
from atipico.learn.places import Track
from atipico.learn.progress import Bar, unseen
from atipico.learn.receipts import Kept, Reads
from atipico.learn.recipe import read_recipe
from atipico.learn.register import register
from atipico.learn.run import ESTIMATORS, SAMPLE, Run, versions
from atipico.learn.split import Split, split
from atipico.learn.suggest import suggest_suite
from atipico.learn.suite import read_suite
from atipico.learn.table import Table, table_of
from atipico.learn.table_file import read_table, write_table
from atipico.registry.jobs import Job, load_job
from atipico.registry.manifest import digest_of
from atipico.registry.models import Model, load

_SAMPLED = 5000  # rows that a run keeps of its training


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class Learning:
    """One FILE.toml at work, and the table of its data, which is made once and shared by the stages.

    data: a CSV or Parquet, the recipe's own unless given. start, to: the first and last day that train. runs, models:
    the folders, under home unless given. force: stages that are done whatever has changed. track: runs are told to
    MLflow, also where the recipe does not say so. say: what is told on the way; bar: how far it is.
    """

    file: Path
    data: str | None = None
    start: date | None = None
    to: date | None = None
    runs: Path = field(default_factory=lambda: home() / "runs")
    models: Path = field(default_factory=lambda: home() / "models")
    force: Collection[str] = ()
    track: bool = False
    say: Callable[[str], None] = _say
    bar: Bar = unseen

    def __post_init__(self) -> None:
        recipe = read_recipe(self.file)
        given = {"start": self.start, "to": self.to}
        train = recipe.train.model_copy(update={name: day for name, day in given.items() if day is not None})
        self.recipe = recipe.model_copy(update={"train": train})
        self.members = estimators.members_of(self.recipe)
        self.job = find_job(self.recipe.job, self.file.parent)
        self.kept = Kept(self.runs / self.recipe.name / "stages", self.force, self.say)
        self._table: Table | None = None
        self._looked = False  # whether the features were seen to be those of the data
        self._data: dict[str, Any] = {}

    def get(self) -> Path:
        """Make the data file, as `[get]` says. Returns where it is."""
        if (get := self.recipe.get) is None:
            raise Refused(f"{self.file} has no [get]: nothing says where the data come from; give --data FILE")
        beside = self.file.parent
        read = get_stage.reads(get, beside)
        if self.kept.due("get", read):
            self.kept.done("get", read, [get_stage.fetch(get, beside, self.bar)])
        return beside / get.to

    def validate(self) -> Path | None:
        """Hold the data to the recipe's suite. Returns the page that tells it; None where there is no suite.

        Raises Refused for data that are not as they must be, with the rows.
        """
        if self.recipe.suite is None:
            return None
        path, page = self.file.parent / self.recipe.suite, self.kept.folder / "data.html"
        suite = read_suite(path)
        read = reads.of_validate(path, self._data_read())
        if self.kept.due("validate", read):
            checked = check_batch(suite, self._file(), self.recipe.dataset)
            write_page(checked, page)
            if checked.problems:
                raise Refused(f"{checked.told()}\nall of it: {page}")
            self.say(f"  {checked.rows} rows are as {path.name} says; {page}")
            self.kept.done("validate", read, [page])
        return page

    def suggest_suite(self, out: Path | None = None, over: bool = False) -> Path:
        """Write a suite that the data meet, beside the recipe unless told. Returns where it is.

        Raises Refused where there is one, unless it may be written `over`.
        """
        path = out or self.file.parent / (self.recipe.suite or "suite.toml")
        if path.exists() and not over:
            raise Refused(
                f"{path} is there, and perhaps edited by hand; write it anew with --force, or --out elsewhere"
            )
        path.write_text(suggest_suite(self._file(), self.recipe.dataset), encoding="utf-8")
        if self.recipe.suite is None:
            self.say(f'add it to {self.file.name}: suite = "{path.name}"')
        return path

    def features(self) -> Path:
        """Make the features of all rows. Returns the file that holds them, beside each row's time, label and keys."""
        path = self.kept.folder / "features.npz"
        if self._looked:
            return path
        self.validate()
        read = self._features_read()
        if self.kept.due("features", read):
            with self.bar("rows") as step:
                self._table = table_of(self.recipe, self.job, self._file(), step)
            write_table(self._table, path)
            rows, columns = self._table.values.shape
            self.say(f"  {rows} rows, {columns} features")
            self.kept.done("features", read, [path])
        self._looked = True
        return path

    def train(self) -> Run:
        """Train all estimators, find the threshold, and write both into a new run."""
        begun = perf_counter()
        self.features()
        read = reads.of_train(self.recipe, self._features_read())
        if not self.kept.due("train", read, last := self._last_run()) and last:
            return last
        table = self.table()
        made = split(self.recipe, table)
        run = Run.new(self.runs, self.recipe.name)
        run.told["seconds"]["features"] = round(perf_counter() - begun, 2)
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
        self._done("train", read, [*(run.folder / ESTIMATORS).iterdir(), run.folder / SAMPLE], run)
        self.say(f"  trained on {len(fitted.rows)} rows of {made.train}; threshold {threshold:.4g}; {run.folder}")
        return run

    def evaluate(self, run: Run | None = None) -> bool:
        """Judge a run, the newest unless given, and draw it. False and a warning where there is nothing to judge on."""
        run = run or self.find_run()
        self.features()
        read = reads.of_evaluate(self.recipe, self._features_read(), run)
        if not self.kept.due("evaluate", read, run):
            return True
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
        self._done("evaluate", read, sorted(run.folder.glob("*.png")), run)
        self.say(
            f"  judged on {average['samples']} samples of {made.test}, {average['anomalies']} of them anomalies: "
            f"AUC {_number(average['auc'])}, average precision {_number(average['average_precision'])}, "
            f"precision@{self.recipe.test.k} {_number(average['precision_at_k'])} "
            f"± {_number(average['spread']['precision_at_k'])} over days"
        )
        return True

    def register(self, run: Run | None = None) -> Model:
        """Put a run's model, the newest unless given, into the registry: compiled, with card and golden rows."""
        run = run or self.find_run()
        read = reads.of_register(self.models, run)
        if not self.kept.due("register", read, run):
            return load(self.models.joinpath(*run.told["registered"].split("@")))
        rows, label = run.sample()
        with run.timed("register"):
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

    def table(self) -> Table:
        """The table of the data, which the stage `features` left."""
        if self._table is None:
            path = self.features()
            self._table = self._table or read_table(path)
        return self._table

    def find_run(self, name: str | None = None) -> Run:
        return Run.find(self.runs, self.recipe.name, name)

    def _done(self, stage: str, reads: Reads, wrote: Sequence[Path], run: Run) -> None:
        """A stage of a run is done: that is kept, and told to MLflow where somebody asked for it."""
        self.kept.done(stage, reads, wrote, run)
        if self.track or self.recipe.track:
            from atipico.learn.track import tell

            tell(run, self.recipe.track or Track(), self.runs)

    def _features_read(self) -> Reads:
        return reads.of_features(self.recipe, self.job, self._data_read())

    def _data_read(self) -> Reads:
        return reads.of_data(self._file(), self._data_told()["sha256"], self.recipe.dataset)

    def _last_run(self) -> Run | None:
        try:
            return self.find_run()
        except Refused:
            return None

    def _file(self) -> str:
        if chosen := self.data or self.recipe.data:
            return chosen
        if self.recipe.get is None:
            raise Refused(f"{self.file} names no data; give --data FILE")
        got = self.file.parent / self.recipe.get.to
        if not got.is_file():
            raise Refused(f"{got} is not there yet; get it: atipico learn get -f {self.file}")
        return str(got)

    def _data_told(self) -> dict[str, Any]:
        """The data's name, bytes and hash; worked out once a file."""
        path = Path(self._file())
        seen = path.stat()
        mark = (str(path), seen.st_size, seen.st_mtime_ns)
        if self._data.get("mark") != mark:
            told = {"file": path.name, "bytes": seen.st_size, "sha256": digest_of(path)}
            self._data = {"mark": mark, "told": told}
        return dict(self._data["told"])

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
    some = rows[np.unique(np.linspace(0, len(rows) - 1, _SAMPLED).astype(int))]
    return table.values[some], table.label[some]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
