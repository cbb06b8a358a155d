"""SELECT of fields and tags: the points themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atipico.store import bound
from atipico.store.aggregates import Asked, column, mender
from atipico.store.groups import Points
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
