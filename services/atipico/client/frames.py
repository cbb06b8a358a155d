"""DataFrames, both ways. pandas is imported when one is asked for, not before."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from atipico.client.store import Table
from atipico.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {"float": "float64", "integer": "Int64", "boolean": "boolean", "string": "object"}


def pandas() -> Any:
    """The module. Raises Refused with the cure where it is not installed."""
    try:
        import pandas as pd
    except ImportError as error:
        raise Refused(
            "DataFrames need pandas, which is not installed here: pip install pandas; Client.rows gives plain dicts"
        ) from error
    return pd


def is_frame(what: Any) -> bool:
    """Whether it is a DataFrame; there is none while nobody imported pandas."""
    module = sys.modules.get("pandas")
    return module is not None and isinstance(what, module.DataFrame)


def to_frame(tables: Sequence[Table], types: Mapping[str, str] | None = None, exact: bool = False) -> pd.DataFrame:
    """Tables, one below the other, as one DataFrame: tags first, then the columns as they were answered.

    time: datetime64[ns, UTC]; exact: int64, ns. A column takes the type in `types` (float, integer, ...), else that of
    what is in it; whole numbers with gaps are Int64, so that no digit is lost. Several measurements: a column tells.
    """
    module = pandas()
    wide = len({table.name for table in tables}) > 1
    columns: dict[str, list[Any]] = {name: [] for table in tables for name in _columns(table, wide)}
    for table in tables:
        same = {**({"measurement": table.name} if wide else {}), **table.tags}
        own = dict(zip(table.columns, zip(*table.values, strict=True), strict=True)) if table.values else {}
        for name, column in columns.items():
            column.extend(own[name] if name in own else [same.get(name)] * len(table.values))
    told = types or {}
    made = {name: _series(module, name, values, told.get(name, ""), exact) for name, values in columns.items()}
    frame: pd.DataFrame = module.DataFrame(made)
    return frame


def table(rows: Sequence[Mapping[str, Any]], index: str) -> pd.DataFrame:
    """Plain rows as a DataFrame with one of their columns as its index."""
    made: pd.DataFrame = pandas().DataFrame(list(rows), columns=None if rows else [index]).set_index(index)
    return made


def _columns(table: Table, wide: bool) -> list[str]:
    """time first, then the tags, then the rest."""
    first = [name for name in ("time",) if name in table.columns] + (["measurement"] if wide else [])
    return [*first, *table.tags, *(name for name in table.columns if name != "time")]


def _series(module: Any, name: str, values: list[Any], kind: str, exact: bool) -> Any:
    if name == "time" and all(type(value) is int for value in values):
        times = np.array(values, dtype=np.int64)
        return module.Series(times) if exact else module.to_datetime(module.Series(times), unit="ns", utc=True)
    missing = any(value is None for value in values)
    dtype = _DTYPES.get(kind) or _dtype(values)
    if not missing:
        dtype = {"Int64": "int64", "boolean": "bool"}.get(dtype, dtype)
    return module.Series(values, dtype=dtype)


def _dtype(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int}:
        return "Int64"
    if kinds == {bool}:
        return "boolean"
    return "float64" if kinds and kinds <= {int, float} else "object"


def outcomes(frame: pd.DataFrame, fields: Sequence[str]) -> pd.DataFrame:
    """The time, the tags that some row has, then the fields in their order."""
    tags = [name for name in frame.columns if name not in (*fields, "time") and frame[name].any()]
    return frame[["time", *tags, *fields]]


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A DataFrame as rows of plain values, None where one is missing. A DatetimeIndex is their time."""
    if "time" not in frame.columns and isinstance(frame.index, pandas().DatetimeIndex):
        frame = frame.assign(time=frame.index)
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(map(str, plain.columns), row, strict=True)) for row in plain.itertuples(index=False, name=None)]
