"""What a recipe may say of how estimators are trained: imbalance, ensembles, tuning."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from atipico.config import Duration


class Part(BaseModel):
    """A part of a recipe: a setting that it does not have is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Imbalance(Part):
    """`[train.imbalance]`: what is done about few anomalies among the rows of a training, and to no other rows.

    kind: a method of `learn.imbalance`. ratio: anomalies beside usual rows afterwards; 1 is as many of each.
    neighbours: between how many of an anomaly's nearest ones new rows lie. seed: of what is drawn.
    """

    kind: str = "none"
    ratio: float = Field(1.0, gt=0, le=1)
    neighbours: int = Field(5, ge=1)
    seed: int = 0


class EnsembleRecipe(Part):
    """`[train.ensemble]`: how the estimators become one score: their mean in their shares (a soft vote), or stacked.

    calibrate: how that becomes a probability. span: so much of the training's end, judged by an earlier training that
    knows nothing of it, teaches both.
    """

    kind: Literal["average", "stacking"] = "average"
    calibrate: Literal["none", "sigmoid", "isotonic"] = "none"
    span: Duration = "14d"


class Tune(Part):
    """`[train.tune]`: how the parameters are looked for that an estimator's `search` names.

    kind: the library. trials: how many in all. folds: spans as long as test.span, the newest first, that each is
    judged on after a training of its own. prune: a trial that falls behind is left (Optuna's alone). jobs: trials at
    once.
    """

    kind: Literal["optuna", "hyperopt"] = "optuna"
    trials: int = Field(30, ge=1)
    folds: int = Field(3, ge=1)
    prune: bool = True
    jobs: int = Field(1, ge=1)
    seed: int = 0


class Between(Part):
    """The numbers that a search may try, whole ones where all of these are. log: evenly over orders of magnitude."""

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Between:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} must be less than high = {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log = true needs low > 0 and takes no step")
        return self

    @property
    def whole(self) -> bool:
        return all(isinstance(one, int) for one in (self.low, self.high, self.step or 1))


class Choices(Part):
    """What a search may try, one by one."""

    choices: tuple[bool | int | float | str, ...] = Field(min_length=2)
