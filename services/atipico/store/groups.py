"""Which series a query reads, and to which group of the answer each belongs; in SQL as a table of numbers."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from atipico.store.schema import Measurement, Series
from atipico.store.span import Span
from atipico.store.where import Clause, Conditions


@dataclass(frozen=True)
class Points:
    """The points that a query reads of one measurement.

    tags: of each group, in the order of names. tables: what to read FROM, the points as `m`; condition: WHERE, and
    values: what its question marks stand for. group: the number of a point's group. low, high: times, ns, both
    within. series: by number. All but `tags`, `values` and `series` is SQL.
    """

    measurement: Measurement
    tags: list[dict[str, str]]
    tables: str
    condition: str
    values: tuple[float | int | str, ...]
    group: str
    low: int
    high: int
    series: Mapping[int, Series]


def points(
    measurement: Measurement, conditions: Conditions, span: Span, names: list[str], pages: slice
) -> Points | None:
    """What to read; None when no series can have any of it. pages: which of the groups are wanted.

    Fills the temporary table `chosen`, unless one group takes every series alike.
    """
    chosen = [(series, verdict) for series in measurement.series if (verdict := conditions.on(series)) is not False]
    keys = sorted(sorted({_key(series, names) for series, _ in chosen}, key=lambda key: _paged_by(names, key))[pages])
    number = {key: at for at, key in enumerate(keys)}
    kept = [(series, verdict) for series, verdict in chosen if _key(series, names) in number]
    if not kept:
        return None
    clauses = list(dict.fromkeys(verdict for _, verdict in kept if isinstance(verdict, Clause)))
    case = {clause: at for at, clause in enumerate(clauses, 1)}  # 0: every row fits
    alike = len(kept) == len(measurement.series) and len(keys) == 1 and len({verdict for _, verdict in kept}) == 1
    tables, condition = f"{measurement.table} AS m", "m.t BETWEEN ? AND ?"
    low, high = bounds(measurement, span)
    values: tuple[float | int | str, ...] = (low, high)
    if not alike:
        rows = [(one.id, number[_key(one, names)], case[v] if isinstance(v, Clause) else 0) for one, v in kept]
        _fill(measurement.db, rows)
        tables += " CROSS JOIN temp.chosen AS c ON c.s = m.s"
    if alike and clauses:
        condition, values = f"{condition} AND ({clauses[0].sql})", values + clauses[0].values
    elif clauses:
        whens = " ".join(f"WHEN {case[clause]} THEN {clause.sql}" for clause in clauses)
        condition = f"{condition} AND CASE c.k {whens} ELSE 1 END"
        values += tuple(value for clause in clauses for value in clause.values)
    tags = [dict(zip(names, key, strict=True)) for key in keys]
    series = {one.id: one for one, _ in kept}
    return Points(measurement, tags, tables, condition, values, "0" if alike else "c.g", low, high, series)


def bounds(measurement: Measurement, span: Span) -> tuple[int, int]:
    """The first and last time to look at; the first is the later when there is nothing."""
    if measurement.ends is None:
        return 0, -1
    first, last = measurement.ends
    return max(first, first if span.low is None else span.low), min(last, last if span.high is None else span.high)


def _key(series: Series, names: list[str]) -> tuple[str, ...]:
    return tuple(series.tags.get(name, "") for name in names)


def _paged_by(names: list[str], key: tuple[str, ...]) -> list[str]:
    """SLIMIT counts groups by the names of the tags they have, then by the values, as InfluxDB does."""
    return [name for name, value in zip(names, key, strict=True) if value] + [value for value in key if value]


def _fill(db: sqlite3.Connection, rows: list[tuple[int, int, int]]) -> None:
    db.execute("DROP TABLE IF EXISTS temp.chosen")
    db.execute("CREATE TEMP TABLE chosen (s INTEGER PRIMARY KEY, g INTEGER, k INTEGER)")
    db.executemany("INSERT INTO temp.chosen VALUES (?, ?, ?)", rows)
