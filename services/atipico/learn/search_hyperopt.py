"""Hyperopt's search. Its trials stand as JSON in a table of ours, as its own way of keeping them is a pickle."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from atipico.learn.methods import Between, Choices
from atipico.learn.searcher import STARTUP, Space, Trial, Value, quiet


class Hyperopt:
    """Hyperopt's tree of Parzen estimators, which leaves no trial before its end."""

    prunes = False

    def __init__(self, file: Path, name: str, space: Space, first: Mapping[str, Value], seed: int, prune: bool) -> None:
        with quiet():
            from hyperopt import base, tpe

        self._axes = {key: _Axis(of) for key, of in space.items()}
        self._base, self._first, self._seed, self._name = base, first, seed, name
        self._suggest = partial(tpe.suggest, n_startup_jobs=STARTUP)
        self._domain = base.Domain(lambda values: 0.0, {key: of.expression(key) for key, of in self._axes.items()})
        self._known = base.Trials()
        self._raw: dict[int, dict[str, float]] = {}
        self._told: list[Trial] = []
        self._table = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._table.execute("CREATE TABLE IF NOT EXISTS trial (study TEXT, number INTEGER, raw TEXT, told TEXT)")
        kept = self._table.execute("SELECT number, raw, told FROM trial WHERE study = ? ORDER BY number", (name,))
        for number, raw, told in kept.fetchall():
            self._add(number, json.loads(raw))
            self._hear(Trial(*json.loads(told)))
        self._next = 1 + max((trial.number for trial in self._told), default=-1)

    def ask(self) -> tuple[int, dict[str, Value]]:
        number, self._next = self._next, self._next + 1
        if self._first and number == 0:
            raw = {key: of.raw(self._first[key]) for key, of in self._axes.items()}
        else:
            (made,) = self._suggest([number], self._domain, self._known, self._seed + number)
            raw = {key: float(value) for key, (value,) in made["misc"]["vals"].items()}
        self._add(number, raw)
        return number, {key: of.value(raw[key]) for key, of in self._axes.items()}

    def behind(self, number: int, folds: list[float]) -> bool:
        return False

    def tell(self, trial: Trial) -> None:
        row = (self._name, trial.number, json.dumps(self._raw[trial.number]), json.dumps(trial))
        self._table.execute("INSERT INTO trial VALUES (?, ?, ?, ?)", row)
        self._hear(trial)

    def trials(self) -> list[Trial]:
        return sorted(self._told)

    def _add(self, number: int, raw: dict[str, float]) -> None:
        """A trial as Hyperopt keeps it, of which nothing is known yet."""
        self._raw[number] = raw
        vals = {key: [int(raw[key]) if of.counts else raw[key]] for key, of in self._axes.items()}
        misc = {"tid": number, "cmd": None, "workdir": None, "idxs": {key: [number] for key in raw}, "vals": vals}
        self._known.insert_trial_docs(self._known.new_trial_docs([number], [None], [{"status": "new"}], [misc]))
        self._known.refresh()

    def _hear(self, trial: Trial) -> None:
        (known,) = [one for one in self._known._dynamic_trials if one["tid"] == trial.number]
        known["state"] = self._base.JOB_STATE_DONE
        failed = {"status": self._base.STATUS_FAIL}
        known["result"] = failed if trial.score is None else {"status": self._base.STATUS_OK, "loss": -trial.score}
        self._known.refresh()
        self._told.append(trial)


class _Axis:
    """One parameter as Hyperopt searches it: choices and steps by their number, from 0 on, all else as it is."""

    def __init__(self, of: Between | Choices) -> None:
        self._of = of
        self._step = None if isinstance(of, Choices) or of.log else of.step or (1 if of.whole else None)
        self.counts = isinstance(of, Choices) or self._step is not None

    def expression(self, key: str) -> Any:
        from hyperopt import hp

        of = self._of
        if isinstance(of, Choices):
            return hp.randint(key, len(of.choices))
        if self._step is not None:
            return hp.uniformint(key, 0, math.floor((of.high - of.low) / self._step + 1e-9))
        return hp.loguniform(key, math.log(of.low), math.log(of.high)) if of.log else hp.uniform(key, of.low, of.high)

    def value(self, raw: float) -> Value:
        of = self._of
        if isinstance(of, Choices):
            return of.choices[int(raw)]
        value = raw if self._step is None else of.low + self._step * int(raw)
        return min(max(round(value), int(of.low)), int(of.high)) if of.whole else float(value)

    def raw(self, value: Value) -> float:
        of = self._of
        if isinstance(of, Choices):
            return of.choices.index(value)
        return float(value) if self._step is None else round((float(value) - of.low) / self._step)
