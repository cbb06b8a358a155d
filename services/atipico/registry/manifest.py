"""model.toml: what a model is called, what it takes, when it alerts, and the hash of each of its files."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from atipico.config import all_wrong
from atipico.errors import Refused
from atipico.formats import check

FORMAT = 1  # of a model's folder
MANIFEST, CARD, GOLDEN = "model.toml", "card.md", "golden.json"
COMPILED, ESTIMATOR, CALIBRATION = "model.onnx", "model.skops", "calibration.json"
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"

Number = Annotated[float, Field(allow_inf_nan=False)]
FileName = Literal["card.md", "golden.json", "model.onnx", "model.skops", "calibration.json"]


class Manifest(BaseModel):
    """What stands in model.toml. format: 1 where it says nothing.

    kind: "supervised" scores are probabilities, "unsupervised" ones the share of known samples that
    are less strange. columns: the features in the order in which they are taken. threshold: a score of this or more
    is an anomaly. usual: each column's mean and standard deviation among the usual samples of the
    training. files: SHA-256 of each file beside this one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int = FORMAT
    name: str = Field(pattern=f"^{NAME}$")
    version: int = Field(ge=1)
    kind: Literal["supervised", "unsupervised"]
    columns: list[str] = Field(min_length=1)
    threshold: Number = Field(ge=0, le=1)
    made_by: str
    trained_on: str
    metrics: dict[str, Number]
    usual: dict[str, tuple[Number, Number]]
    files: dict[FileName, str]

    @property
    def id(self) -> str:
        return f"{self.name}@{self.version}"

    @model_validator(mode="after")
    def _whole(self) -> Manifest:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("columns: a name stands there twice")
        if set(self.usual) != set(self.columns):
            raise ValueError("usual: needed a mean and a spread for each column and nothing else")
        needed = {CARD, GOLDEN} | ({CALIBRATION} if self.kind == "unsupervised" else set())
        if missing := needed - set(self.files):
            raise ValueError(f"files: {', '.join(sorted(missing))} is missing")
        if not {COMPILED, ESTIMATOR} & set(self.files):
            raise ValueError(f"files: needed {COMPILED}, {ESTIMATOR} or both")
        return self


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model's folder. Raises Refused when it is missing, no TOML, not whole, or of a newer format."""
    path = folder / MANIFEST
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        check(table.get("format", 1), FORMAT, "a model", path)
        table["usual"] = {name: tuple(pair) for name, pair in dict(table.get("usual", {})).items()}
        return Manifest.model_validate(table)
    except OSError as error:
        raise Refused(f"{path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        raise Refused(f"{path} is not whole: {all_wrong(error, 'it')}") from error
    except (ValueError, TypeError) as error:
        raise Refused(f"{path} is not understood: {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write model.toml; numbers and texts are written as JSON writes them, which TOML reads alike."""
    table = manifest.model_dump()
    lines = [_line(name, value) for name, value in table.items() if not isinstance(value, Mapping)]
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{name}]", *(_line(key, entry) for key, entry in value.items())]
    (folder / MANIFEST).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _line(key: str, value: Any) -> str:
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", key)
    return f"{key if bare else json.dumps(key)} = {json.dumps(value, ensure_ascii=False, allow_nan=False)}"


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
