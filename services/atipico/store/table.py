"""A measurement as a source of points. What SQLite can compute it does; the rest is read point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atipico.store import aggregates, bound, groups
from atipico.store.aggregates import Asked, column, mender
from atipico.store.functions import check_takes
from atipico.store.groups import Points
from atipico.store.points import Point, Scope, Stream
from atipico.store.schema import Measurement
from atipico.store.where import Conditions
from atipico.wire.influxql.tree import Call, Expression, Name


class Table:
    """One measurement under the conditions of a statement.

    kinds: the types of names in all sources of the statement. pages: which of the measurement's groups are wanted.
    """

    def __init__(
        self, measurement: Measurement, where: Expression | None, kinds: Mapping[str, str], pages: slice
    ) -> None:
        self.name, self.kinds, self.tags = measurement.name, measurement.kinds, measurement.tags
        self._measurement, self._pages = measurement, pages
        self._conditions = Conditions(where, measurement, kinds)

    def check(self, call: Call, field: str) -> None:
        """Raises Refused when the function does not take the type that the field has here."""
        its = self._measurement.fields.get(field)
        check_takes(call, its.type if its else "")

    def folded(self, calls: Sequence[Call], beside: Sequence[Name], scope: Scope, selects: bool) -> dict[Call, Stream]:
        """What the functions make of the points, window by window; only those that SQLite computes are answered.

        selects: a single function that selects a point, which then keeps its own time where there are no windows,
        and whose other values stand `beside`.
        """
        fitting = [call for call in calls if aggregates.computes(call)]
        found = self._points(scope) if fitting else None
        if found is None:
            return {call: {} for call in fitting}
        asked = [Asked(_field(call), call.name) for call in fitting] + [_asked(name) for name in beside]
        computed = aggregates.compute(found, asked, scope.windows, selects)
        return {call: self._stream(found, computed, at, len(fitting), scope) for at, call in enumerate(fitting)}

    def _stream(self, found: Points, computed: aggregates.Found, at: int, others: int, scope: Scope) -> Stream:
        stream: Stream = {}
        width = scope.windows.width if scope.windows else 0
        for group, values in computed.values[at].items():
            times = computed.times.get(group, {})
            points = stream[self.name, tuple(found.tags[group].values())] = []
            for window in sorted(values, reverse=scope.descending):
                start = computed.base + window * width if width else times.get(window, scope.start)
                beside = tuple(column.get(group, {}).get(window) for column in computed.values[others:])
                points.append(Point(start, values[window], beside))
        return stream

    def read(self, field: Name | None, beside: Sequence[Name], scope: Scope) -> Stream:
        """The points that have the field, or without one those that have any of `beside`."""
        found = self._points(scope)
        if found is None:
            return {}
        asked = [_asked(name) for name in ((field, *beside) if field else beside)]
        columns = [column(self._measurement, one) for one in asked]
        wanted = columns[:1] if field else columns
        present = " OR ".join(f"{source} IS NOT NULL" for source in wanted if source)
        if not present:
            return {}
        order = "DESC" if scope.descending else "ASC"
        sql = (
            f"SELECT m.t, m.s, {found.group}, {', '.join(source or 'NULL' for source in columns)} FROM {found.tables} "  # noqa: S608  # names of our own
            f"WHERE {found.condition} AND ({present}) ORDER BY m.t {order}, m.s {order}"
        )
        mend = mender(found, asked, 3)
        keys = [(self.name, tuple(tags.values())) for tags in found.tags]
        stream: Stream = {}
        rows = self._measurement.db.execute(sql, found.values)
        for row in bound.at_most(bound.MOST_VALUES, rows, len(asked) + 1):
            values = mend(row)
            point = Point(row[0], values[0], tuple(values[1:])) if field else Point(row[0], None, tuple(values))
            stream.setdefault(keys[row[2]], []).append(point)
        return stream

    def _points(self, scope: Scope) -> Points | None:
        span = scope.span.both(scope.reach)
        found = groups.points(self._measurement, self._conditions, span, list(scope.names), self._pages)
        return found if found is not None and found.low <= found.high else None


def _field(call: Call) -> str:
    argument: Any = call.arguments[0]
    return str(argument.name)


def _asked(name: Name) -> Asked:
    return Asked(name.name, kind=name.kind)
