"""A recipe whose settings are taken from hyperparameters: `train.usual_share`, `estimator.0.num_leaves`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from atipico.config import home
from atipico.engines.sagemaker.folders import CONFIG, Folders
from atipico.errors import Refused, nearest

RECIPE = "recipe"  # the hyperparameter that names one of data/, "learn.toml" of the channel `config` where there is one


def chosen(folders: Folders) -> str:
    """The recipe that the hyperparameters name, with theirs put in, as the text of a learn.toml.

    Raises Refused for a recipe or a place in it that there is not.
    """
    given = folders.hyperparameters()
    path = _path(folders, given.pop(RECIPE, None))
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"recipe {path}: {error}") from error
    if str(table.get("job", "")).endswith(".toml"):  # which is beside the recipe
        table["job"] = str(path.parent / table["job"])
    for name, text in sorted(given.items()):
        _put(table, name, text)
    return "".join(f"{_toml(name)} = {_toml(value)}\n" for name, value in table.items())


def _path(folders: Folders, name: str | None) -> Path:
    channel = folders.channel(CONFIG)
    if channel:
        return channel / (name or "learn.toml")
    known = {path.parent.name: path for path in (home() / "data").glob("*/learn.toml")}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        raise Refused(f"hyperparameter {RECIPE} = {name!r}{nearest(name or '', known)}; or bring a channel {CONFIG!r}")
    return known[name]


def _put(table: dict[str, Any], name: str, text: str) -> None:
    at: Any = table
    *way, last = name.split(".")
    try:
        for word in way:
            at = at[int(word)] if isinstance(at, list) else at.setdefault(word, {})
        at[int(last) if isinstance(at, list) else last] = _value(text)
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise Refused(f"hyperparameter {name}: the recipe has no such place") from error


def _value(text: str) -> Any:
    """A number, true, a list, an object where it is one as JSON; else the text, or a day."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value)  # texts, numbers and booleans are written alike
