"""A file's cells as SQL: one that is not of its column's kind is NULL, and costs its row nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from atipico.errors import Refused
from atipico.sources.columns import quoted
from atipico.sources.dataset import Dataset

_EPOCH, _DAY = date(1970, 1, 1), 86_400 * 10**9
_NS_OF_UNIT = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def field_sql(dataset: Dataset, field: str, types: Mapping[str, str]) -> str:
    """SQL for a field of a data set: the row's number from 0 on, or what its column holds."""
    if field == dataset.numbered:
        return "row_number() OVER () - 1"
    column = dataset.fields[field]
    return cell_sql(column, types[column])


def cell_sql(column: str, kind: str) -> str:
    """SQL for a field's value: BIGINT, DOUBLE, BOOLEAN or VARCHAR, NULL where the cell is not of the column's kind."""
    name = quoted(column)
    if kind.endswith("INT") or kind == "INTEGER":  # a cast alone would round 1.5 to 2
        return f"CASE WHEN TRY_CAST({name} AS DOUBLE) = TRY_CAST({name} AS BIGINT) THEN TRY_CAST({name} AS BIGINT) END"
    if kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return f"TRY_CAST({name} AS DOUBLE)"
    return f"TRY_CAST({name} AS {'BOOLEAN' if kind == 'BOOLEAN' else 'VARCHAR'})"


def truth_sql(column: str, types: Mapping[str, str]) -> str:
    """SQL for a label as a number, NULL where there is none."""
    if types[column] == "BOOLEAN":
        return f"CAST(TRY_CAST({quoted(column)} AS BOOLEAN) AS DOUBLE)"
    return f"TRY_CAST({quoted(column)} AS DOUBLE)"


def clock_sql(dataset: Dataset, kind: str) -> str:
    """SQL for a row's own time in ns since 1970, UTC, NULL where there is none."""
    name = quoted(dataset.time)
    if dataset.time_unit:
        first = (dataset.time_from - _EPOCH).days * _DAY if dataset.time_from else 0
        return (
            f"TRY(CAST(ROUND(CAST({name} AS DECIMAL(28, 9)) * {_NS_OF_UNIT[dataset.time_unit]}) + {first} AS BIGINT))"
        )
    if kind == "TIMESTAMP_NS":
        return f"epoch_ns({name})"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"epoch_ns(TRY_CAST({name} AS TIMESTAMPTZ))"
    raise Refused(
        f"column {dataset.time} is {kind} and no time; if it is a number, tell its time_unit (s, ms, us or ns)"
    )
