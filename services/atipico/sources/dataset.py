"""What a recorded file holds: `data/<name>/dataset.toml` gives its columns our names."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from atipico.config import Duration, all_wrong, home
from atipico.errors import Refused
from atipico.sources.columns import columns_of


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shard(_Part):
    """Which field spreads the work, over how many shards."""

    key: str
    shards: int = Field(4, ge=1, le=64)


class LabelColumn(_Part):
    """Which column holds the truth, and how long after the sample's time it is known.

    kinds: the column that tells what kind of anomaly it was, where the file has it; to judge by, never a feature.
    """

    column: str
    kinds: str | None = None
    delay: Duration = "0s"


class Dataset(_Part):
    """One kind of file.

    time: the column of its own clock, a timestamp or, with `time_unit`, a number since `time_from`, 1970 unless given.
    fields: our name -> the file's column. numbered: one more field, the row's number from 0 on, for a file that names
    its rows by no column. id: the field that names a sample in its label. keys: the fields that windows go by.
    """

    measurement: str = Field(min_length=1)
    time: str
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    time_from: date | None = None
    fields: dict[str, str] = Field(min_length=1)
    numbered: str | None = Field(None, min_length=1)
    id: str | None = None
    keys: tuple[str, ...] = ()
    shard: Shard | None = None
    label: LabelColumn | None = None

    @model_validator(mode="after")
    def _names_are_fields(self) -> Dataset:
        named = {*self.keys, *([self.shard.key] if self.shard else []), *([self.id] if self.id else [])}
        if self.numbered in self.fields:
            raise ValueError(f"numbered: {self.numbered} is a column of the file too; give the numbers another name")
        known = [*self.fields, *([self.numbered] if self.numbered else [])]
        if unknown := named.difference(known):
            raise ValueError(f"{', '.join(sorted(unknown))} not in [fields], which has {', '.join(known)}")
        if self.label and not self.id:
            raise ValueError("a [label] needs `id`, the field that names its sample")
        if self.time_from and not self.time_unit:
            raise ValueError("time_from is what a number counts from; tell its time_unit too (s, ms, us or ns)")
        if self.time_from and self.time_from < date(1970, 1, 1):
            raise ValueError(f"time_from = {self.time_from} lies before 1970, where no time of ours does")
        if "event_time" in known:
            raise ValueError("event_time is made from `time`; leave it out of [fields]")
        return self

    def columns(self) -> list[str]:
        """The columns that a file must have."""
        return list(dict.fromkeys([self.time, *self.fields.values(), *([self.label.column] if self.label else [])]))


def read_dataset(path: Path) -> Dataset:
    """The dataset.toml at `path`. Raises Refused with the setting and what was needed."""
    try:
        return Dataset.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise Refused(f"{path}: {all_wrong(error, 'file')}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: {error}") from error


def pick_dataset(file: Path | str, folder: Path | None = None) -> Dataset:
    """The one `<folder>/*/dataset.toml` whose columns are all in the file; folder is `data/` under home unless given.

    Raises Refused, telling what was looked for and found, when none fits or several do.
    """
    folder = home() / "data" if folder is None else folder
    found = list(columns_of(Path(file)))
    datasets = {path.parent.name: read_dataset(path) for path in sorted(folder.glob("*/dataset.toml"))}
    missing = {name: [c for c in dataset.columns() if c not in found] for name, dataset in datasets.items()}
    fitting = [name for name, columns in missing.items() if not columns]
    if len(fitting) == 1:
        return datasets[fitting[0]]
    if fitting:
        raise Refused(f'{file}: {", ".join(fitting)} in {folder} fit all; name one: dataset = "{fitting[0]}"')
    looked = "; ".join(f"{name} lacks {', '.join(columns)}" for name, columns in missing.items())
    raise Refused(
        f"{file}: no dataset.toml in {folder} fits its columns {', '.join(found)} "
        f"({looked or 'there is none'}); add a folder with a dataset.toml that names them"
    )
