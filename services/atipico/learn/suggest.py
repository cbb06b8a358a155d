"""A suite from a sample: what its values are like, with room for what another batch may bring."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atipico.learn.batch import columns_of_fields, read_frame
from atipico.learn.suite import CLOCK, LABEL, Rule
from atipico.sources.columns import columns_of
from atipico.sources.file import dataset_of

if TYPE_CHECKING:
    import pandas as pd

_FEW = 20  # texts that count as all there are
_HEAD = """# What each batch of these data must be like; `atipico learn validate` holds them to it (docs/learn.md).
# Written from {file}, {rows} rows, as a beginning: read it, and change what you know better.
sample = "{file}"

[rows]
least = 1
"""


def suggest_suite(file: str, dataset: str | None) -> str:
    """The text of a suite that the sample meets.

    A range is widened by its own width, never below zero where nothing was; a mean may move by a standard deviation.
    """
    path, named = Path(file), dataset_of(file, dataset)
    types = columns_of(path)
    kinds = {name: _kind(types[column], name) for name, column in columns_of_fields(named).items()}
    frame = read_frame(path, named, {name: Rule(type=kind) for name, kind in kinds.items()})
    key = {*named.keys, *([named.id] if named.id else [])}
    parts = [_HEAD.format(file=path.name, rows=len(frame))]
    for name, kind in kinds.items():
        parts.append(
            f"[field.{name}]\n" + "".join(f"{line}\n" for line in _rule(name, kind, frame[name], key, named.id))
        )
    return "\n".join(parts)


def _kind(of_column: str, name: str) -> Any:
    """The type of a rule for a column of DuckDB's type."""
    if name == CLOCK or of_column.endswith("INT") or of_column == "INTEGER":
        return "integer"
    if of_column.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return "float"
    return "boolean" if of_column == "BOOLEAN" else "text"


def _rule(name: str, kind: str, values: pd.Series, keys: set[str], id: str | None) -> list[str]:
    lines = [f'type = "{kind}"', f"missing = {_up(float(values.isna().mean())):g}"]
    known = values.dropna()
    if not len(known):
        return lines
    if name == CLOCK:
        lines = [f"{lines[0]:<24}# ns since 1970, UTC", lines[1]]
        return [*lines, "growing = true"] if known.is_monotonic_increasing else lines
    if name == LABEL:
        share = float(known.astype(float).mean())
        among = f"among = [{', '.join(_toml(one) for one in sorted(known.unique().tolist()))}]"
        return [*lines, among, *([] if kind == "boolean" else [f"mean = [{share / 5:.3g}, {min(1, share * 5):.3g}]"])]
    if name == id:
        return [*lines, "unique = true"] if known.is_unique else lines
    if kind in ("float", "integer"):
        return lines + (_range(known, name in keys))
    few = sorted(known.unique().tolist())
    return [*lines, f"among = [{', '.join(map(_toml, few))}]"] if len(few) <= min(_FEW, len(known) / 10) else lines


def _range(known: pd.Series, is_key: bool) -> list[str]:
    """Of a key that is a number only the sign says something."""
    least, most, mean, spread = (float(one) for one in (known.min(), known.max(), known.mean(), known.std(ddof=0)))
    if is_key:
        return ["least = 0"] if least >= 0 else []
    width = most - least
    lowest = max(0.0, least - width) if least >= 0 else least - width
    return [
        f"least = {_number(lowest)}",
        f"most = {_number(most + width)}",
        f"mean = [{_number(max(mean - spread, lowest))}, {_number(mean + spread)}]",
    ]


def _number(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}" if abs(value) < 1e15 else repr(value)


def _up(share: float) -> float:
    """Twice the share, rounded up to a whole hundredth; 0 stays 0."""
    return min(1.0, math.ceil(200 * share) / 100)


def _toml(value: Any) -> str:
    import json

    return str(value).lower() if isinstance(value, bool) else json.dumps(value, ensure_ascii=False)
