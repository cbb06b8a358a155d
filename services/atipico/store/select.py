"""SELECT: from a statement to the series of its answer."""

from __future__ import annotations

import sqlite3
from itertools import islice
from typing import Any

from atipico.store import aggregates, plan, rows, schema
from atipico.store.aggregates import Found
from atipico.store.fill import Filler
from atipico.store.groups import Points, points
from atipico.store.plan import SELECTORS, Asked, Windows
from atipico.store.rows import Shown
from atipico.store.schema import Measurement
from atipico.store.span import Span, split
from atipico.store.where import Conditions
from atipico.wire.influxql.tree import Select

Series = dict[str, Any]  # name, tags, columns, values: as InfluxDB's JSON has them


def select(db: sqlite3.Connection, statement: Select, now: int, shown: Shown) -> list[Series]:
    """The series of the answer, by measurement and tags; none for what is not there."""
    windows = plan.windows(statement.dimensions, now)
    sources = schema.measurements(db, statement.sources)
    names = plan.tags(statement.dimensions, sources)
    asked = plan.columns(statement, sources, names)
    span, where = split(statement.where, now)
    if windows and span.high is None:
        span = Span(span.low, now)
    first, limit = statement.series_offset, statement.series_limit
    pages = slice(first, first + limit if limit else None)
    answer: list[Series] = []
    for source in sources:
        found = points(source, Conditions(where, source), span, names, pages)
        if found is not None and found.low <= found.high:
            answer += _answer(statement, sources, found, asked, windows, span, shown)
    return answer[::-1] if statement.descending else answer


def _answer(
    statement: Select,
    sources: list[Measurement],
    found: Points,
    asked: list[Asked],
    windows: Windows | None,
    span: Span,
    shown: Shown,
) -> list[Series]:
    """The series that one measurement gives, in the order of their tags."""
    if not any(one.function for one in asked):
        read = rows.read(found, asked, statement, shown)
    else:
        computed = aggregates.compute(found, asked, windows)
        filler = Filler(statement, sources, asked, computed)
        read = {}
        for group in range(len(found.tags)):
            lines = (
                _windowed(filler, group, windows, span) if windows else _single(filler, group, computed, asked, span)
            )
            last = statement.offset + statement.limit if statement.limit else None
            read[group] = [[shown(time), *values] for time, values in islice(lines, statement.offset, last)]
    titles = ["time", *(one.title for one in asked)]
    return [
        {"name": found.measurement.name} | ({"tags": tags} if tags else {}) | {"columns": titles, "values": read[group]}
        for group, tags in enumerate(found.tags)
        if read.get(group)
    ]


def _windowed(filler: Filler, group: int, windows: Windows, span: Span) -> Any:
    base, width = filler.found.base, windows.width
    first = None if span.low is None else (windows.start(span.low) - base) // width
    last = (windows.start(span.high or 0) - base) // width
    for number, values in filler.windows(group, first, last):
        yield base + number * width, values


def _single(filler: Filler, group: int, computed: Found, asked: list[Asked], span: Span) -> Any:
    """One line without windows: at the selected point's own time, or where the range begins."""
    values = filler.single(group)
    if values is not None:
        calls = {one.call for one in asked if one.function}
        selected = len(calls) == 1 and next(iter(calls))[0] in SELECTORS
        yield computed.times[group][0] if selected else span.low or 0, values
