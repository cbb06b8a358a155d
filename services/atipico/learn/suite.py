"""What the data of a stream must be like: `data/<name>/suite.toml`, written from a sample and edited by hand."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from atipico.config import all_wrong
from atipico.errors import Refused

Share = Annotated[float, Field(ge=0, le=1)]
CLOCK, LABEL = "event_time", "label"  # what each file has beside its fields
IN_EVERY_ROW = "in every row"  # what a field without `missing` expects


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _a_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error
    return text


class Rule(_Part):
    """What a field's values must be like. Those that are missing, or not of the type, are judged by `missing` alone.

    missing: the largest share of rows without a value. least, most: of a number. mean: between what the mean of all
    rows must lie. among: the only values. matches: a regular expression for the whole text. unique: no value twice.
    growing: no row's value is less than that of the row before.
    """

    type: Literal["float", "integer", "text", "boolean"]
    missing: Share = 0.0
    least: float | None = None
    most: float | None = None
    mean: tuple[float, float] | None = None
    among: tuple[str | int | float, ...] | None = None
    matches: Annotated[str, AfterValidator(_a_pattern)] | None = None
    unique: bool = False
    growing: bool = False

    @model_validator(mode="after")
    def _fit_the_type(self) -> Rule:
        of_numbers = [name for name in ("least", "most", "mean") if getattr(self, name) is not None]
        if of_numbers and self.type not in ("float", "integer"):
            raise ValueError(f"{of_numbers[0]} is for numbers, type is {self.type}")
        if self.matches and self.type != "text":
            raise ValueError(f"matches is for texts, type is {self.type}")
        return self


class RowsRule(_Part):
    least: int = Field(1, ge=0)
    most: int | None = None


class Suite(_Part):
    """rows: how many a file must have. field: by our name for it; `event_time` is its clock, `label` the truth.

    One that is not named is not looked at. sample: what the suite was written from, for people.
    """

    sample: str = ""
    rows: RowsRule = Field(default_factory=lambda: RowsRule.model_validate({}))
    field: dict[str, Rule] = Field(min_length=1)


def read_suite(path: Path) -> Suite:
    """The suite at `path`. Raises Refused with the setting and what was needed."""
    try:
        return Suite.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise Refused(f"{path}: {all_wrong(error, 'file')}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
