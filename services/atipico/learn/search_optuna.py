"""Optuna's search, in its own SQLite file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atipico.learn.methods import Between, Choices
from atipico.learn.searcher import STARTUP, Space, Trial, Value, quiet


class Optuna:
    """Optuna's tree of Parzen estimators; a trial whose mean is below the median of others there is left."""

    def __init__(self, file: Path, name: str, space: Space, first: Mapping[str, Value], seed: int, prune: bool) -> None:
        with quiet():
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
