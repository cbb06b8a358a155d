"""Optuna and Hyperopt behind one declaration: each proposes values, hears what came of them, remembers in SQLite."""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from atipico.learn.methods import Between, Choices

Value = bool | int | float | str
Space = Mapping[str, Between | Choices]
STARTUP = 10  # trials at random before what was seen leads


class Trial(NamedTuple):
    """Values that were tried.

    folds: what each judged span gave, as far as it came. score: their mean; None: it was left, or failed. why: of what.
    """

    number: int
    values: dict[str, Value]
    folds: list[float]
    score: float | None
    why: str = ""


class Searcher(Protocol):
    """One search in a file: opened again it goes on where it was. Calls never overlap."""

    prunes: bool

    def ask(self) -> tuple[int, dict[str, Value]]:
        """The number of a new trial, and its values."""

    def behind(self, number: int, folds: list[float]) -> bool:
        """Whether a trial that gave this so far is so far behind others that the rest is not worth it."""

    def tell(self, trial: Trial) -> None:
        """What came of it. A trial that was asked for and never told is forgotten."""

    def trials(self) -> list[Trial]:
        """All that was told, also in earlier runs, in the order of their numbers."""


class Optuna:
    """Optuna's tree of Parzen estimators; a trial whose mean is below the median of others there is left."""

    def __init__(self, file: Path, name: str, space: Space, first: Mapping[str, Value], seed: int, prune: bool) -> None:
        with _quiet():
            import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self.prunes = optuna, prune
        self._study = optuna.create_study(
            study_name=name,
            storage=f"sqlite:///{file}",
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5) if prune else optuna.pruners.NopPruner(),
        )
        known = len(self._study.get_trials(deepcopy=False))  # what goes on must not draw again what it began with
        self._study.sampler = optuna.samplers.TPESampler(seed=seed + known, n_startup_trials=STARTUP)
        if first and not known:
            self._study.enqueue_trial(dict(first))
        self._space = {key: self._distribution(of) for key, of in space.items()}
        self._asked: dict[int, Any] = {}

    def _distribution(self, of: Between | Choices) -> Any:
        made = self._optuna.distributions
        if isinstance(of, Choices):
            return made.CategoricalDistribution(of.choices)
        if of.whole:
            return made.IntDistribution(int(of.low), int(of.high), log=of.log, step=int(of.step or 1))
        return made.FloatDistribution(of.low, of.high, log=of.log, step=of.step)

    def ask(self) -> tuple[int, dict[str, Value]]:
        asked = self._study.ask(self._space)
        self._asked[asked.number] = asked
        return asked.number, asked.params

    def behind(self, number: int, folds: list[float]) -> bool:
        asked = self._asked[number]
        asked.report(sum(folds) / len(folds), len(folds) - 1)
        return self.prunes and bool(asked.should_prune())

    def tell(self, trial: Trial) -> None:
        asked, states = self._asked.pop(trial.number), self._optuna.trial.TrialState
        asked.set_user_attr("folds", trial.folds)
        asked.set_user_attr("why", trial.why)
        if trial.score is not None:
            self._study.tell(asked, trial.score)
        else:
            self._study.tell(asked, state=states.FAIL if trial.why else states.PRUNED)

    def trials(self) -> list[Trial]:
        found = [one for one in self._study.get_trials(deepcopy=False) if one.state.is_finished()]
        return [
            Trial(
                one.number,
                dict(one.params),
                one.user_attrs["folds"],
                one.value if one.state == self._optuna.trial.TrialState.COMPLETE else None,
                one.user_attrs["why"],
            )
            for one in found
            if "folds" in one.user_attrs
        ]


class Hyperopt:
    """Hyperopt's tree of Parzen estimators, which leaves no trial before its end.

    Its trials stand in a table of ours, as its own way of keeping them is a pickle.
    """

    prunes = False

    def __init__(self, file: Path, name: str, space: Space, first: Mapping[str, Value], seed: int, prune: bool) -> None:
        with _quiet():
            from hyperopt import base, tpe

        self._base, self._space, self._first, self._seed, self._name = base, space, first, seed, name
        self._suggest = partial(tpe.suggest, n_startup_jobs=STARTUP)
        self._domain = base.Domain(lambda values: 0.0, {key: self._one(key, of) for key, of in space.items()})
        self._known = base.Trials()
        self._table = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._table.execute("CREATE TABLE IF NOT EXISTS trial (study TEXT, number INTEGER, raw TEXT, told TEXT)")
        kept = self._table.execute("SELECT number, raw, told FROM trial WHERE study = ? ORDER BY number", (name,))
        self._told: list[Trial] = []
        self._raw: dict[int, dict[str, float]] = {}
        for number, raw, told in kept.fetchall():
            self._add(number, json.loads(raw))
            self._hear(Trial(*json.loads(told)))
        self._next = 1 + max((trial.number for trial in self._told), default=-1)

    def _one(self, key: str, of: Between | Choices) -> Any:
        """Choices and steps are searched by their number, from 0 on."""
        from hyperopt import hp

        if isinstance(of, Choices):
            return hp.randint(key, len(of.choices))
        if of.log:
            return hp.loguniform(key, math.log(of.low), math.log(of.high))
        if (step := _step(of)) is not None:
            return hp.uniformint(key, 0, math.floor((of.high - of.low) / step + 1e-9))
        return hp.uniform(key, of.low, of.high)

    def _value(self, of: Between | Choices, raw: float) -> Value:
        if isinstance(of, Choices):
            return of.choices[int(raw)]
        step = None if of.log else _step(of)
        value = raw if step is None else of.low + step * int(raw)
        return min(max(round(value), int(of.low)), int(of.high)) if of.whole else float(value)

    def _raw_of(self, of: Between | Choices, value: Value) -> float:
        if isinstance(of, Choices):
            return of.choices.index(value)
        step = None if of.log else _step(of)
        number = float(value)
        return number if step is None else round((number - of.low) / step)

    def ask(self) -> tuple[int, dict[str, Value]]:
        number, self._next = self._next, self._next + 1
        if self._first and number == 0:
            raw = {key: self._raw_of(of, self._first[key]) for key, of in self._space.items()}
        else:
            (made,) = self._suggest([number], self._domain, self._known, self._seed + number)
            raw = {key: float(value) for key, (value,) in made["misc"]["vals"].items()}
        self._add(number, raw)
        return number, {key: self._value(of, raw[key]) for key, of in self._space.items()}

    def _add(self, number: int, raw: dict[str, float]) -> None:
        self._raw[number] = raw
        misc = {
            "tid": number,
            "cmd": None,
            "workdir": None,
            "idxs": {key: [number] for key in raw},
            "vals": {key: [int(one) if self._counts(key) else one] for key, one in raw.items()},
        }
        documents = self._known.new_trial_docs([number], [None], [{"status": "new"}], [misc])
        self._known.insert_trial_docs(documents)
        self._known.refresh()

    def _counts(self, key: str) -> bool:
        of = self._space[key]
        return isinstance(of, Choices) or (not of.log and _step(of) is not None)

    def behind(self, number: int, folds: list[float]) -> bool:
        return False

    def tell(self, trial: Trial) -> None:
        raw = json.dumps(self._raw[trial.number])
        row = (self._name, trial.number, raw, json.dumps(trial))
        self._table.execute("INSERT INTO trial VALUES (?, ?, ?, ?)", row)
        self._hear(trial)

    def _hear(self, trial: Trial) -> None:
        (known,) = [one for one in self._known._dynamic_trials if one["tid"] == trial.number]
        known["state"] = self._base.JOB_STATE_DONE
        failed = {"status": self._base.STATUS_FAIL}
        known["result"] = failed if trial.score is None else {"status": self._base.STATUS_OK, "loss": -trial.score}
        self._known.refresh()
        self._told.append(trial)

    def trials(self) -> list[Trial]:
        return sorted(self._told)


@contextmanager
def _quiet() -> Iterator[None]:
    """Both bring a bar of their own, which complains in a notebook that has no widgets; nobody asked for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        yield


def _step(of: Between) -> float | None:
    return of.step if of.step is not None or not of.whole else 1


SEARCHERS: Mapping[str, type[Optuna] | type[Hyperopt]] = {"optuna": Optuna, "hyperopt": Hyperopt}
