"""A look at a file: what its columns are like, as far as its first rows tell."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from atipico.sources.columns import Rows, columns_of, quoted

LOOKED_AT = 20_000  # rows
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FLOATS = ("FLOAT", "DOUBLE", "DECIMAL")


class Column(NamedTuple):
    """One column. kind: integer, float, bool, time, text or other. name: ours, made of the file's own `column`.

    filled: how many of the rows have a cell. different: how many different cells those have. low, high: of
    numbers, 0 where there is none. grows: no number is smaller than the one before. truth: all cells are 0 or 1.
    """

    column: str
    name: str
    kind: str
    filled: int
    different: int
    low: float
    high: float
    grows: bool
    truth: bool

    def words(self) -> list[str]:
        return self.name.split("_")


class Look(NamedTuple):
    """rows: how many were looked at, at most LOOKED_AT. columns: in the file's order."""

    rows: int
    columns: tuple[Column, ...]


def look_at(file: Path) -> Look:
    """Look at a CSV or Parquet file. Raises Refused when it can't be read as such."""
    types = columns_of(file)
    rows = Rows(file, [f"CAST({quoted(column)} AS VARCHAR)" for column in types]).at(0, LOOKED_AT)
    taken: set[str] = set()
    cells = zip(*rows, strict=True) if rows else ((),) * len(types)
    columns = [
        _column(column, _free(plain(column), taken), _kind(kind), [cell for cell in texts if cell not in (None, "")])
        for (column, kind), texts in zip(types.items(), cells, strict=True)
    ]
    return Look(len(rows), tuple(columns))


def plain(column: str) -> str:
    """A name of small letters, digits and _: TX_AMOUNT is tx_amount, motorCelsius is motor_celsius."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column)
    return re.sub(r"\W+|_+", "_", spaced).strip("_").lower() or "column"


def _free(name: str, taken: set[str]) -> str:
    """`name`, or name_2, name_3, ... where another column took it; event_time is made of the file's clock."""
    numbers = (f"{name}_{number}" for number in range(2, 10_000))
    free = name if name not in {*taken, "event_time"} else next(one for one in numbers if one not in taken)
    taken.add(free)
    return free


def _kind(duckdb: str) -> str:
    if duckdb.startswith(("TIMESTAMP", "DATE")):
        return "time"
    if duckdb in _INTEGERS:
        return "integer"
    if duckdb.startswith(_FLOATS):
        return "float"
    return {"BOOLEAN": "bool", "VARCHAR": "text"}.get(duckdb, "other")


def _column(column: str, name: str, kind: str, cells: list[Any]) -> Column:
    different = len(set(cells))
    numbers = [_number(cell) for cell in cells] if kind in ("integer", "float") else []
    grows = bool(numbers) and all(a <= b for a, b in pairwise(numbers))
    truth = kind == "bool" or (bool(numbers) and set(numbers) <= {0.0, 1.0})
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    return Column(column, name, kind, len(cells), different, low, high, grows, truth)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
