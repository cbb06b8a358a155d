"""Functions over points, computed by SQLite: one value for each group and window.

A window is a number: how many widths it begins behind the first one that is read (`base`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from atipico.store import bound
from atipico.store.groups import Points
from atipico.store.points import Windows
from atipico.store.schema import Field, Measurement
from atipico.wire.influxql.tree import Call, Name

_SQL = {
    "count": "nullif(count({0}), 0)",
    "sum": "sum({0})",
    "mean": "avg({0})",
    "min": "min({0})",
    "max": "max({0})",
}


_SELECTORS = frozenset({"first", "last", "min", "max"})


class Asked(NamedTuple):
    """One column to read: a field or tag, or what a function makes of a field.

    function: "" for the value itself. kind: "field" or "tag" where the query says so.
    """

    name: str
    function: str = ""
    kind: str = ""


@dataclass
class Found:
    """values: of each asked column by (group, window); times: of the selected points, where they are asked for."""

    base: int
    values: list[dict[int, dict[int, Any]]]
    times: dict[int, dict[int, int]] = field(default_factory=dict)


def computes(call: Call) -> bool:
    """Whether SQLite computes a function of a field."""
    return (call.name in _SQL or call.name in _SELECTORS) and isinstance(call.arguments[0], Name)


def compute(points: Points, asked: list[Asked], windows: Windows | None, selects: bool) -> Found:
    """All columns of an answer. selects: one function that selects points, and other values of the same points."""
    base = windows.start(points.low) if windows else 0
    if windows and points.high - base >= 2**63:
        raise bound.too_many(bound.MOST_WINDOWS)
    window = f"(m.t - {base:d}) / {windows.width:d}" if windows else "0"
    found = Found(base, [{} for _ in asked])
    if selects and (windows is None or len(asked) > 1):
        _select_points(points, asked, window, found)
    else:
        _fold(points, asked, window, found)
    return found


def _fold(points: Points, asked: list[Asked], window: str, found: Found) -> None:
    """Many numbers at once, in one walk over the points; first and last in a walk of their own."""
    fields = points.measurement.fields
    walked = [(at, one) for at, one in enumerate(asked) if one.function in _SQL and one.name in fields]
    if walked:
        made = ", ".join(_SQL[one.function].format(column(points.measurement, one)) for _, one in walked)
        sql = (
            f"SELECT {points.group}, {window}, {made} FROM {points.tables} "  # noqa: S608  # names of our own
            f"WHERE {points.condition}{_by(points.group, window)}"
        )
        rows = points.measurement.db.execute(sql, points.values)
        for row in bound.at_most(bound.MOST_WINDOWS, rows, len(walked)):
            for (at, one), value in zip(walked, row[2:], strict=True):
                if value is not None:
                    shown = bool(value) if is_boolean(one, fields) else value
                    found.values[at].setdefault(row[0], {})[row[1]] = shown
    for at, one in enumerate(asked):
        if one.function in ("first", "last") and one.name in fields:
            only = Found(found.base, [{}])
            _select_points(points, [one], window, only)
            found.values[at] = only.values[0]


def _select_points(points: Points, asked: list[Asked], window: str, found: Found) -> None:
    """One selector, its points' times, and other values of the same points."""
    selector = next(one for one in asked if one.function)
    value = column(points.measurement, selector)
    if value is None:
        return
    wanted = ", ".join(column(points.measurement, one) or "NULL" for one in asked)
    rows = points.measurement.db.execute(
        _points_sql(points, selector.function, value, window, wanted), points.values * 2
    )
    mend = mender(points, asked, 5)
    for row in bound.at_most(bound.MOST_WINDOWS, rows, len(asked)):
        group, _, number, time, *_ = row
        found.times.setdefault(group, {})[number] = time
        for at, shown in enumerate(mend(row)):
            if shown is not None:  # what the point lacks is filled as an empty window is
                found.values[at].setdefault(group, {})[number] = shown


def _points_sql(points: Points, function: str, value: str, window: str, wanted: str) -> str:
    """Group, series, window, time, the value that decides, and what is wanted, of the point that each window selects.

    Of points at one time, first and last take the greatest value; of equal values, min and max the
    earliest. So the best is looked for in two steps: SQLite's bare columns are those of the row that
    holds the one max() or min() of a query.
    """
    by_time = function in ("first", "last")
    best = {"first": "min(m.t)", "last": "max(m.t)", "min": f"min({value})", "max": f"max({value})"}[function]
    then = f"max({value})" if by_time else "min(m.t)"
    equal = "m.t = p.best" if by_time else f"{value} = p.best AND p.b = {window}"
    tables = f"pick AS p CROSS JOIN {points.tables}" if by_time else f"{points.tables} CROSS JOIN pick AS p"
    where = f"{points.condition} AND {value} IS NOT NULL"
    return (
        f"WITH pick AS MATERIALIZED (SELECT {points.group} AS g, {window} AS b, {best} AS best "  # noqa: S608
        f"FROM {points.tables} WHERE {where}{_by(points.group, window)}) "
        f"SELECT p.g, m.s, p.b, m.t, {then}, {wanted} FROM {tables} "
        f"WHERE {where} AND p.g = {points.group} AND {equal} GROUP BY p.g, p.b"
    )


def _by(group: str, window: str) -> str:
    """GROUP BY what differs at all: a walk that sorts nothing takes a fifth of the time, or ends at its first row."""
    differing = [str(at) for at, sql in enumerate((group, window), 1) if sql != "0"]
    return f" GROUP BY {', '.join(differing)}" if differing else ""


def column(measurement: Measurement, asked: Asked) -> str | None:
    """The SQL of an asked field, None for a tag or what is not there."""
    field = None if asked.kind == "tag" else measurement.fields.get(asked.name)
    return f"m.{field.column}" if field else None


def mender(points: Points, asked: list[Asked], first: int) -> Callable[[tuple[Any, ...]], list[Any]]:
    """What puts in the tags and booleans that SQL rows lack; rows: the series' number at 1, values from `first`."""
    fields = points.measurement.fields
    plain = [one if column(points.measurement, one) is None and one.kind != "field" else None for one in asked]
    tags = [(at, one.name) for at, one in enumerate(plain) if one is not None and not one.function]
    booleans = [at for at, one in enumerate(asked) if column(points.measurement, one) and is_boolean(one, fields)]

    def mend(row: tuple[Any, ...]) -> list[Any]:
        values = list(row[first:])
        for at in booleans:
            values[at] = None if values[at] is None else bool(values[at])
        for at, name in tags:
            values[at] = points.series[row[1]].tags.get(name)
        return values

    return mend


def is_boolean(asked: Asked, fields: Mapping[str, Field]) -> bool:
    """Whether SQL's 0 and 1 stand for false and true in this column."""
    return asked.function != "count" and fields[asked.name].type == "boolean"
