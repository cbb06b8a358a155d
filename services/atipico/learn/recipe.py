"""How a model is learnt: one readable TOML file, `data/<name>/learn.toml`."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from atipico.config import Duration, nanoseconds, wrong
from atipico.errors import Refused, nearest
from atipico.learn.calendar import DAY
from atipico.learn.methods import Between, Choices, EnsembleRecipe, Imbalance, Part, Tune
from atipico.learn.places import Get, SimulatedWorld, Track
from atipico.registry.manifest import NAME

_SHORTEST = 60 * 10**9  # of periods, ns: what is told of each is worked out one by one


class Training(Part):
    """Which rows train. Earlier ones always fill the histories that features look at.

    start, to: the first and the last day that train. warm_up: from the first day of the data, only fills histories.
    window: only so much before the end trains. drop_known: leave a row out when its key (a field) was known, on
    the morning of its day, to have had an anomaly; known_over: one that became known no longer ago than that.
    half_life: a row that is so much older weighs half. anomaly_weight: what an anomaly weighs beside the others.
    usual_share: of the rows that are no anomalies only this share trains, drawn evenly, and weighs the more: faster.
    """

    start: date | None = Field(None, alias="from")
    to: date | None = None
    warm_up: Duration = "0d"
    window: Duration | None = None
    drop_known: str | None = None
    known_over: Duration | None = None
    half_life: Duration | None = None
    anomaly_weight: float = Field(1.0, gt=0)
    usual_share: float = Field(1.0, gt=0, le=1)
    imbalance: Imbalance = Field(default_factory=lambda: Imbalance.model_validate({}))
    ensemble: EnsembleRecipe = Field(default_factory=lambda: EnsembleRecipe.model_validate({}))
    tune: Tune = Field(default_factory=lambda: Tune.model_validate({}))

    @model_validator(mode="after")
    def _known_of_whom(self) -> Training:
        if self.known_over and not self.drop_known:
            raise ValueError('known_over says how long a key counts as known: tell which, drop_known = "customer"')
        return self


class EstimatorRecipe(BaseModel):
    """One estimator, or one a seed: all are averaged, in these shares. Whatever else is named is its parameters.

    search: those that `atipico learn tune` looks for, and among what.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    share: float = Field(1.0, gt=0)
    search: dict[str, Between | Choices] = Field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Cost(Part):
    """What an anomaly that raises no alert costs, and an alert that is none; only their ratio matters."""

    missed: float = Field(gt=0)
    false_alert: float = Field(gt=0)


class ThresholdRecipe(Part):
    alerts_per_day: int | None = Field(None, ge=1)
    cost: Cost | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ThresholdRecipe:
        if (self.alerts_per_day is None) == (self.cost is None):
            raise ValueError("needed either alerts_per_day = 100 or cost = { missed = 100, false_alert = 1 }")
        return self


class Test(Part):
    """How the model is judged: on a `span` from the day on that it could be made, when its labels are known.

    k: of each day the k most suspicious are looked at. key: those are keys (a card; once found it is not looked at
    again), and keys already known to have had an anomaly are left out: one of the training's last `known_over`, or
    since. Without a key they are samples. spans: as many of them, each one earlier than the one before, with a
    training of its own.
    """

    __test__ = False  # for pytest

    span: Duration = "7d"
    k: int = Field(100, ge=1)
    key: str | None = None
    known_over: Duration | None = None
    spans: int = Field(1, ge=1)


class Recipe(Part):
    """name: the model's. job: whose features, a name in jobs/ or a .toml; leave_out: features that it does not take.

    label_delay: how long after its time a sample's label is known; the data set's own unless given. suite: what the
    data must be like, a file beside this one. period: what time is counted in, a day or a part that it is made of;
    every span must be a whole number of them, and where a setting speaks of a day a period is meant.
    """

    name: str = Field(pattern=f"^{NAME}$")
    job: str
    data: str | None = None
    dataset: str | None = None
    label_delay: Duration | None = None
    period: Duration = "1d"
    leave_out: tuple[str, ...] = ()
    suite: str | None = None
    get: Get | None = None
    track: Track | None = None
    train: Training = Field(default_factory=lambda: Training.model_validate({}))
    estimator: tuple[EstimatorRecipe, ...] = Field(min_length=1)
    threshold: ThresholdRecipe
    test: Test = Field(default_factory=lambda: Test.model_validate({}))

    @property
    def length(self) -> int:
        """Of a period, ns."""
        return nanoseconds(self.period)

    def periods(self, span: str) -> int:
        """How many periods "7d" are."""
        return nanoseconds(span) // self.length

    @model_validator(mode="after")
    def _whole_periods(self) -> Recipe:
        if not _SHORTEST <= self.length <= DAY or DAY % self.length:
            raise ValueError(
                f'period = "{self.period}" must be a day, or a part of one that days are made of, such as 6h'
            )
        train, test = self.train, self.test
        spans = {f"train.{name}": getattr(train, name) for name in ("warm_up", "window", "known_over", "half_life")}
        spans |= {"train.ensemble.span": train.ensemble.span}
        spans |= {"test.span": test.span, "test.known_over": test.known_over}
        for name, span in spans.items():
            none = span is None or (name == "train.warm_up" and not nanoseconds(span))
            if not none and (nanoseconds(span) % self.length or not nanoseconds(span)):
                raise ValueError(f'{name} = "{span}" is no whole number of periods of {self.period}')
        return self

    @model_validator(mode="after")
    def _an_alert_in_each_period(self) -> Recipe:
        budget = self.threshold.alerts_per_day
        if budget is not None and budget * self.length < DAY:
            raise ValueError(
                f"threshold.alerts_per_day = {budget} is less than one in each {self.period}; "
                f"give {DAY // self.length} at least, or a longer period"
            )
        return self


def read_recipe(path: Path) -> Recipe:
    """The recipe at `path`. Raises Refused with the setting, the nearest one, and what was needed."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise Refused(f"{path}: {'; '.join(_told(e) for e in error.errors())}") from error
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: {error}") from error


def periods_of(length: str) -> str:
    """What periods of such a length are called: "days", "periods of 6h"."""
    return "days" if nanoseconds(length) == DAY else f"periods of {length}"


def changed(recipe: Recipe, **parts: Any) -> Recipe:
    """The recipe with other parts: of a table only the settings that are named, of all else the whole."""
    told = recipe.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, part in parts.items():
        told[name] = {**told.get(name, {}), **part} if isinstance(part, dict) else part
    return Recipe.model_validate(told)


def _told(error: Any) -> str:
    place = [word for word in error["loc"] if isinstance(word, str)]
    if error["type"] != "extra_forbidden":
        return wrong(error, ".".join(place) or "file")
    parts: dict[str, type[BaseModel]] = {"train": Training, "threshold": ThresholdRecipe, "cost": Cost, "test": Test}
    parts |= {"imbalance": Imbalance, "ensemble": EnsembleRecipe, "tune": Tune}
    parts |= {"get": Get, "world": SimulatedWorld, "track": Track}
    of = parts.get(place[-2] if len(place) > 1 else "", Recipe)
    known = [field.alias or name for name, field in of.model_fields.items()]
    return f"no setting {'.'.join(place)!r}{nearest(place[-1], known)}"
