"""SELECT of fields and tags: the points themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atipico.store import bound
from atipico.store.groups import Points
from atipico.store.plan import Asked
from atipico.store.schema import Measurement
from atipico.wire.influxql.tree import Select

Shown = Callable[[int], int | str]
_FIRST = 3  # the place of the first asked column behind time, series and group


def read(points: Points, asked: list[Asked], select: Select, shown: Shown) -> dict[int, list[list[Any]]]:
    """The rows of each group by its number, in the order of time (then of series).

    A point without any of the asked fields is no row; what it lacks of them is None.
    """
    sources = [column(points.measurement, one) for one in asked]
    present = " OR ".join(f"{source} IS NOT NULL" for source in sources if source)
    if not present:
        return {}
    order = "DESC" if select.descending else "ASC"
    sql = (
        f"SELECT m.t, m.s, {points.group}, {', '.join(source or 'NULL' for source in sources)} FROM {points.tables} "  # noqa: S608
        f"WHERE {points.condition} AND ({present}) ORDER BY m.t {order}, m.s {order}"
    )
    values = points.values
    if len(points.tags) == 1:
        sql += " LIMIT ? OFFSET ?"
        values += (select.limit or -1, select.offset)
    found = points.measurement.db.execute(sql, values)
    mend = mender(points, asked, _FIRST)
    answer: dict[int, list[list[Any]]] = {}
    for row in bound.at_most(bound.MOST_VALUES, _paged(found, points, select), len(asked) + 1):
        answer.setdefault(row[2], []).append([shown(row[0]), *mend(row)])
    return answer


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


def is_boolean(asked: Asked, fields: Any) -> bool:
    """Whether SQL's 0 and 1 stand for false and true in this column."""
    return asked.function != "count" and fields[asked.name].type == "boolean"


def _paged(found: Any, points: Points, select: Select) -> Any:
    """LIMIT and OFFSET of each group, where SQL could not do it; ends early when every group is full."""
    if len(points.tags) == 1 or not (select.limit or select.offset):
        yield from found
        return
    seen = [0] * len(points.tags)
    last = select.offset + select.limit if select.limit else None
    waiting = len(seen)
    for row in found:
        at = seen[row[2]] = seen[row[2]] + 1
        if at > select.offset and (last is None or at <= last):
            yield row
        if at == last:
            waiting -= 1
            if not waiting:
                return
