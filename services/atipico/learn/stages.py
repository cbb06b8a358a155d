"""The stages of learning: get, validate, features, train, evaluate, register.

Each reads named files and writes some, and is left out while nothing that it reads has changed. One that is asked for
alone does those before it that are due, but `get`: nothing else asks the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from pydantic import ValidationError

from atipico.errors import Refused
from atipico.learn import estimators, judging, reads, training
from atipico.learn.calendar import Span
from atipico.learn.learnt import trained_of
from atipico.learn.places import Track
from atipico.learn.prepared import Prepared
from atipico.learn.receipts import Reads
from atipico.learn.recipe import Recipe
from atipico.learn.register import register
from atipico.learn.run import ESTIMATORS, SAMPLE, Run
from atipico.learn.table import Table
from atipico.registry.models import Model, load


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
        run = Run.new(self.runs, self.recipe.name)
        run.told["seconds"]["features"] = round(perf_counter() - begun, 2)
        run.told |= {
            "recipe": self.recipe.model_dump(mode="json", by_alias=True),
            "data": self._data_told(),
            "job": self.job.name,
        }
        training.train(run, self.recipe, table, self.members, self.bar, self.say)
        self._done("train", read, [*(run.folder / ESTIMATORS).iterdir(), run.folder / SAMPLE], run)
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
        recipe = self._recipe_of(run, table)
        if not judging.evaluate(run, recipe, table, estimators.members_of(recipe), self.bar, self.say):
            return False
        run.told["evaluated_on"] = self._data_told()
        self._done("evaluate", read, sorted(run.folder.glob("*.png")), run)
        return True

    def register(self, run: Run | None = None) -> Model:
        """Put a run's model, the newest unless given, into the registry: compiled, with card and golden rows."""
        run = run or self.find_run()
        read = reads.of_register(self.models, run)
        if not self._due("register", read, run):
            return load(self.models.joinpath(*run.told["registered"].split("@")))
        rows, label = run.sample()
        with run.timed("register"), self.bar("compiling"):
            trained = trained_of(run.told, rows, label, estimators.read_ensemble(run.told, run.folder / ESTIMATORS))
            model = register(trained, self.models)
        run.told["registered"] = model.id
        self._done("register", read, sorted(self.models.joinpath(*model.id.split("@")).iterdir()), run)
        return model

    def all(self) -> Model:
        """All stages, one after the other; the data are got where the recipe says how, and none were given or there."""
        if self.recipe.get and self.data is None and not self.put_there():
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

    def _last_run(self) -> Run | None:
        try:
            return self.find_run()
        except Refused:
            return None

    def _recipe_of(self, run: Run, table: Table) -> Recipe:
        """How a run was trained, which earlier spans are too where there are any, and how FILE.toml judges now."""
        if self.recipe.test.spans == 1:
            return self.recipe
        try:
            recipe = Recipe.model_validate(run.told["recipe"]).model_copy(update={"test": self.recipe.test})
        except ValidationError as error:
            raise Refused(f"run {run.id} is of a recipe that is not understood any more; train again") from error
        key = recipe.train.drop_known
        if key and key not in table.keys:
            raise Refused(f"run {run.id} left out rows by {key}, which {self.file} names no more; train again")
        return recipe

    def _same_features(self, run: Run, table: Table) -> None:
        told = run.told["features"]
        if (told["shape"], tuple(told["columns"])) != (table.shape, table.columns):
            raise Refused(f"run {run.id} was trained on other features than job {self.job.name} has now; train again")
        if Span(*run.told["split"][0]).length != table.span.length:
            raise Refused(
                f"run {run.id} counts in periods other than {self.recipe.period}, as the recipe has it; train again"
            )
