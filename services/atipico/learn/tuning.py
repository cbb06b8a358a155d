"""Look for better parameters of a recipe's estimators, on spans before all that the model is judged on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import NamedTuple

from atipico.errors import Refused
from atipico.learn import estimators
from atipico.learn.extra import needed
from atipico.learn.judge import tried
from atipico.learn.kinds import threads
from atipico.learn.recipe import Recipe
from atipico.learn.search_hyperopt import Hyperopt
from atipico.learn.search_optuna import Optuna
from atipico.learn.searcher import Searcher, Trial, Value
from atipico.learn.space import given, lowest, space_of, with_values
from atipico.learn.split import Split, before, judged, split, waits
from atipico.learn.table import Table

SEARCHERS: Mapping[str, type[Optuna] | type[Hyperopt]] = {"optuna": Optuna, "hyperopt": Hyperopt}

Tell = Callable[[Trial, "Trial | None"], object]


class Found(NamedTuple):
    """recipe: with the values of the best trial, and nothing left to search."""

    trials: list[Trial]
    best: Trial
    recipe: Recipe


def folds_of(recipe: Recipe, table: Table) -> list[Split]:
    """Where trials are judged: spans as long as test.span, the newest first, each after a training of its own.

    All of them, and all labels of them, come before the first time that the model will be judged on, and were known
    when it was made. Raises Refused where the data are too short, or a span has no anomaly.
    """
    lasts = recipe.periods(recipe.test.span)
    first = split(recipe, table, (recipe.test.spans - 1) * lasts)
    found = []
    for number in range(1, recipe.train.tune.folds + 1):
        try:
            fold = before(recipe, table, first, waits(table) + number * lasts)
        except Refused as error:
            raise Refused(f"train.tune: {recipe.train.tune.folds} folds need more data: {error}") from error
        if not (table.label[judged(recipe, table, fold)] == 1).any():
            raise Refused(f"train.tune: {fold.test} has no anomaly to judge a trial by; give fewer folds")
        found.append(fold)
    return found


def search(recipe: Recipe, table: Table, file: Path, tell: Tell = lambda trial, best: None) -> Found:
    """Try values until there are train.tune.trials; those that `file` remembers of the same search are not tried again.

    tell: gets each trial that ends, and the best so far. Raises Refused when no trial came to its end.
    """
    told, space, folds = recipe.train.tune, space_of(recipe), folds_of(recipe, table)
    estimators.members_of(with_values(recipe, lowest(space)))  # refuses an unknown parameter before anything is tried
    question, known = _question(recipe, table), given(recipe, space)
    with needed("train.tune"):
        searcher = SEARCHERS[told.kind](file, question, space, known, told.seed, told.prune)
    _Search(recipe, table, folds, searcher, tell).run()
    trials = searcher.trials()
    best = best_of(trials)
    if best is None:
        why = next((trial.why for trial in reversed(trials) if trial.why), "all were left")
        raise Refused(f"train.tune: none of {len(trials)} trials came to its end; the last: {why}")
    return Found(trials, best, with_values(recipe, best.values))


def best_of(trials: list[Trial]) -> Trial | None:
    return max((one for one in trials if one.score is not None), key=lambda one: one.score or 0.0, default=None)


class _Search:
    """Trials, some at once; the searcher is asked and told by one at a time."""

    def __init__(self, recipe: Recipe, table: Table, folds: list[Split], searcher: Searcher, tell: Tell) -> None:
        self._recipe, self._table, self._folds, self._searcher, self._tell = recipe, table, folds, searcher, tell
        cores = threads()
        self._jobs = min(recipe.train.tune.jobs, cores)
        self._threads = max(1, cores // self._jobs)
        self._trials = searcher.trials()
        self._left = recipe.train.tune.trials - len(self._trials)
        self._lock, self._stop = Lock(), Event()

    def run(self) -> None:
        with ThreadPoolExecutor(self._jobs) as pool:
            working = [pool.submit(self._work) for _ in range(self._jobs)]
            try:
                for one in working:
                    one.result()
            except BaseException:  # also when a person stops it
                self._stop.set()
                raise

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if self._left <= 0:
                    return
                self._left -= 1
                number, values = self._searcher.ask()
            trial = self._tried(number, values)
            if trial is None:
                return
            with self._lock:
                self._searcher.tell(trial)
                self._trials.append(trial)
                self._tell(trial, best_of(self._trials))

    def _tried(self, number: int, values: dict[str, Value]) -> Trial | None:
        """None where the search was stopped in its midst."""
        folds: list[float] = []
        try:
            recipe = with_values(self._recipe, values)
            for fold in self._folds:
                if self._stop.is_set():
                    return None
                folds.append(self._judged(recipe, fold))
                with self._lock:
                    if self._searcher.behind(number, folds) and len(folds) < len(self._folds):
                        return Trial(number, values, folds, None)
        except Refused as error:
            return Trial(number, values, folds, None, str(error))
        return Trial(number, values, folds, sum(folds) / len(folds))

    def _judged(self, recipe: Recipe, fold: Split) -> float:
        members = estimators.members_of(recipe)
        for member in members:
            if "n_jobs" in member.estimator.get_params():
                member.estimator.set_params(n_jobs=self._threads)
        _, found = tried(recipe, self._table, fold, members)
        return float(found.told["average"]["average_precision"])


def _question(recipe: Recipe, table: Table) -> str:
    """What a search is known by: the same recipe on the same data, however many trials and at once."""
    told = recipe.model_dump(mode="json", by_alias=True)
    for name in ("trials", "jobs", "prune", "seed"):
        del told["train"]["tune"][name]
    digest = hashlib.sha256(json.dumps([told, table.shape], sort_keys=True).encode())
    for column in (table.time, table.label):
        digest.update(column.tobytes())
    return digest.hexdigest()[:16]
