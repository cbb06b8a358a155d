"""SELECT: from a statement to the series of its answer."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from atipico.errors import Refused
from atipico.store import plan, rows, schema
from atipico.store.aggregates import Asked
from atipico.store.flow import Flow, Source
from atipico.store.formula import compiled, kind
from atipico.store.groups import points
from atipico.store.points import Scope, Windows
from atipico.store.rows import Shown
from atipico.store.rules import Together
from atipico.store.schema import Measurement
from atipico.store.span import Span, split
from atipico.store.subquery import Line, Subquery
from atipico.store.table import Table
from atipico.store.where import Conditions
from atipico.wire.influxql.tree import Fill, Name, Select

Series = dict[str, Any]  # name, tags, columns, values: as InfluxDB's JSON has them
_ORDER = ("float", "integer", "string", "boolean", "tag")  # of types that one name has in several measurements


def select(db: sqlite3.Connection, statement: Select, now: int, shown: Shown) -> list[Series]:
    """The series of the answer, by measurement and tags; none for what is not there."""
    prepared = Prepared(db, statement, now, None)
    titles = [plan.time_title(statement), *(column.title for column in prepared.columns)]
    found = prepared.plain(shown) if prepared.is_plain else prepared.computed(shown)
    answer = [
        {"name": name} | ({"tags": tags} if tags else {}) | {"columns": titles, "values": values}
        for name, tags, values in found
    ]
    return answer[::-1] if statement.descending else answer


class Prepared:
    """One SELECT on one database: what it asks for, and the rows that answer it.

    around: the statement that this one is a subquery of; its time range, its windows and its order are taken over.
    Raises Refused for functions that do not go together, or that do not take what the store holds.
    """

    def __init__(self, db: sqlite3.Connection, statement: Select, now: int, around: Prepared | None) -> None:
        self.statement, self._now = statement, now
        own = plan.windows(statement.dimensions, now)
        self.windows: Windows | None = own or (around.windows if around else None)
        self.descending: bool = around.descending if around else statement.descending
        if around and statement.descending and not around.descending:
            raise Refused("subqueries must be ordered in the same direction as the query itself")
        self.span, self._where = split(statement.where, now)
        asked = [one.value for one in statement.columns if not plan.is_time(one.value)]
        inherited = own is None and self.windows is not None
        together = Together(asked, self.windows is not None, inherited)
        together.check(statement)
        self._sources = self._open(db, now)
        self._kinds = _together([source.kinds for source in self._sources])
        known_tags = {tag for source in self._sources for tag in source.tags}
        self.tags: list[str] = plan.tags(statement.dimensions, known_tags)
        self.columns = plan.columns(statement, self._kinds, self.tags)
        self._asked = Together([column.value for column in self.columns], self.windows is not None, inherited)
        self.kinds: dict[str, str] = dict.fromkeys(self.tags, "tag")
        self.kinds |= {column.title: kind(column.value, self._kinds) for column in self.columns}

    @property
    def is_plain(self) -> bool:
        """Whether it reads fields and tags as they are, from measurements."""
        return (
            not self._asked.calls
            and self.statement.fill.kind == "null"
            and all(isinstance(column.value, Name) for column in self.columns)
            and all(isinstance(source, Measurement) for source in self._sources)
        )

    def plain(self, shown: Shown) -> Iterator[tuple[str, dict[str, str], list[list[Any]]]]:
        """The name, tags and rows of each group, read as they are."""
        names = [column.value for column in self.columns if isinstance(column.value, Name)]
        asked = [Asked(name.name, kind=name.kind) for name in names]
        for source in self._sources:
            assert isinstance(source, Measurement)
            found = points(source, Conditions(self._where, source, self._kinds), self.span, self.tags, self._pages())
            if found is not None and found.low <= found.high:
                read = rows.read(found, asked, self.statement, shown)
                yield from ((source.name, tags, read[at]) for at, tags in enumerate(found.tags) if at in read)

    def computed(self, shown: Shown) -> Iterator[tuple[str, dict[str, str], list[list[Any]]]]:
        """The name, tags and rows of each group."""
        for (name, tags), values in self._rows(None):
            named = dict(zip(self.tags, tags, strict=True))
            yield name, named, [[shown(time), *map(_as_json, row)] for time, row in values]

    def lines(self, scope: Scope) -> list[Line]:
        """The rows for the statement around this one, whose scope is given; in the order of that one's points."""
        found = []
        for (name, tags), values in self._rows(scope):
            named = dict(zip(self._names(scope), tags, strict=True))
            found += [Line(name, named, time, row) for time, row in values]
        return sorted(found, key=lambda line: line.time, reverse=self.descending)

    def _rows(self, around: Scope | None) -> Iterator[tuple[Any, Iterator[tuple[int, list[Any]]]]]:
        scope = self._scope(around)
        sources: list[Source] = [
            Subquery([column.title for column in source.columns], source.kinds, source.tags, source.lines, self._where)
            if isinstance(source, Prepared)
            else Table(source, self._where, self._kinds, self._pages())
            for source in self._sources
        ]
        calls, names, limits = self._asked.calls, self._asked.names, (self.statement.offset, self.statement.limit)
        flow = Flow(sources, self._kinds, calls, names, scope, self._asked.selects, limits)
        formulas = [compiled(column.value, flow.places) for column in self.columns]
        for group, values in flow.rows():
            yield group, ((time, [formula(row) for formula in formulas]) for time, row in values)

    def _scope(self, around: Scope | None) -> Scope:
        span = self.span.both(around.span) if around else self.span
        if self.windows and span.high is None:
            span = Span(span.low, self._now)
        fill = self.statement.fill
        if around and fill.kind == "null":
            fill = Fill("none")  # what is empty has nothing for the statement around
        names = self._names(around) if around else self.tags
        scope = Scope(tuple(names), span, self.windows, self.descending, fill)
        return replace(scope, reach=around.reach if around else scope.wider_by(self._asked.before))

    def _names(self, around: Scope) -> list[str]:
        return sorted({*self.tags, *around.names})

    def _pages(self) -> slice:
        first, limit = self.statement.series_offset, self.statement.series_limit
        return slice(first, first + limit if limit or first else None)  # SOFFSET without SLIMIT: none, as InfluxDB does

    def _open(self, db: sqlite3.Connection, now: int) -> list[Measurement | Prepared]:
        measurements = [source for source in self.statement.sources if not isinstance(source, Select)]
        subqueries = [source for source in self.statement.sources if isinstance(source, Select)]
        found: list[Measurement | Prepared] = [*schema.measurements(db, measurements)] if measurements else []
        return found + [Prepared(db, one, now, self) for one in subqueries]


def _together(kinds: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The types of names in several sources: of two of one name the one that InfluxDB prefers."""
    found: dict[str, str] = {}
    for one in kinds:
        for name, its in one.items():
            before = found.get(name, its)
            found[name] = min(before, its, key=lambda known: _ORDER.index(known) if known in _ORDER else len(_ORDER))
    return found


def _as_json(value: Any) -> Any:
    """JSON has no number for what is none."""
    return None if isinstance(value, float) and math.isnan(value) else value
