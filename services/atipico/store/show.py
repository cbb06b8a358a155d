"""SHOW: what a database holds, by name."""

from __future__ import annotations

import sqlite3
from typing import Any

from atipico.errors import Refused
from atipico.store import regex, schema
from atipico.store.groups import points
from atipico.store.schema import Measurement
from atipico.store.span import split
from atipico.store.where import Conditions
from atipico.wire.influxql.tree import Match, Regex, Show

Series = dict[str, Any]
_POLICY = [schema.POLICY, "0s", "168h0m0s", 1, True]  # as InfluxDB makes it with a database


def databases(names: list[str]) -> list[Series]:
    """SHOW DATABASES, the one that needs no database."""
    return [_series("databases", ["name"], [[name] for name in names])]


def show(db: sqlite3.Connection, statement: Show, now: int) -> list[Series]:
    """The series of the answer of every other SHOW, sorted by name; those without values are left out."""
    if statement.what == "retention policies":
        columns = ["name", "duration", "shardGroupDuration", "replicaN", "default"]
        return [_series("", columns, [_POLICY])]
    sources = schema.measurements(db, statement.sources)
    if statement.what == "measurements":
        named = _matched([source.name for source in sources], statement.match)
        kept = [source.name for source in sources if source.name in named and (_series_of(source, statement, now))]
        return _filled([_series("measurements", ["name"], _page([[name] for name in kept], statement))])
    if statement.what == "series":
        keys = [key for source in sources for key in sorted(_keys(source, statement, now))]
        return _filled([_series("", ["key"], _page([[key] for key in keys], statement))])
    return _filled([_of_measurement(source, statement, now) for source in sources])


def _of_measurement(source: Measurement, statement: Show, now: int) -> Series:
    if statement.what == "field keys":
        rows = [[name, field.type] for name, field in source.fields.items()]
        return _series(source.name, ["fieldKey", "fieldType"], _page(rows, statement))
    found = _series_of(source, statement, now)
    if statement.what == "tag keys":
        rows = [[name] for name in sorted({name for tags in found for name in tags})]
        return _series(source.name, ["tagKey"], _page(rows, statement))
    wanted = _matched(source.tags, statement.match)
    pairs = sorted({(name, value) for tags in found for name, value in tags.items() if name in wanted})
    return _series(source.name, ["key", "value"], _page([list(pair) for pair in pairs], statement))


def _series_of(source: Measurement, statement: Show, now: int) -> list[dict[str, str]]:
    """The tags of the series that WHERE leaves; one on time asks for series with a point there."""
    span, where = split(statement.where, now)
    if any(name in source.fields for name in _names(where)):
        raise Refused("a condition on a field is not spoken here in SHOW; tags and time are")
    conditions = Conditions(where, source)
    if span.low is None and span.high is None:
        return [dict(one.tags) for one in source.series if conditions.on(one) is not False]
    found = points(source, conditions, span, [], slice(None))
    if found is None or found.low > found.high:
        return []
    sql = f"SELECT DISTINCT m.s FROM {found.tables} WHERE {found.condition}"  # noqa: S608  # names of our own
    return [dict(found.series[number].tags) for (number,) in source.db.execute(sql, found.values)]


def _names(where: Any) -> set[str]:
    """The names in a condition that may be fields."""
    if hasattr(where, "left"):
        return _names(where.left) | _names(where.right)
    return {where.name} if hasattr(where, "kind") and getattr(where, "name", None) and where.kind != "tag" else set()


def _keys(source: Measurement, statement: Show, now: int) -> list[str]:
    """The series' keys as line protocol begins with them."""
    return [
        ",".join(
            [_escaped(source.name, ", "), *(f"{_escaped(k, ', =')}={_escaped(v, ', =')}" for k, v in tags.items())]
        )
        for tags in _series_of(source, statement, now)
    ]


def _escaped(text: str, special: str) -> str:
    return "".join("\\" + char if char in special else char for char in text)


def _matched(names: list[str], match: Match | None) -> set[str]:
    if match is None:
        return set(names)
    operand = match.operands[0]
    found = regex.matching(operand.pattern, names) if isinstance(operand, Regex) else set(names) & set(match.operands)
    return set(names) - found if match.op.startswith("!") else found


def _page(rows: list[list[Any]], statement: Show) -> list[list[Any]]:
    return rows[statement.offset :][: statement.limit or None]


def _series(name: str, columns: list[str], values: list[list[Any]]) -> Series:
    """A series without a name, or without values, does not have those keys, as in InfluxDB."""
    return ({"name": name} if name else {}) | {"columns": columns} | ({"values": values} if values else {})


def _filled(found: list[Series]) -> list[Series]:
    return [series for series in found if "values" in series]
