"""Rows of a stream, however many, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

from atipico.client.outcomes import every
from atipico.client.store import Store, Table
from atipico.wire.influxql import write as to_text
from atipico.wire.influxql.tree import Binary, Column, Expression, From, Literal, Name, Select
from atipico.wire.sample import Value

ROWS = 20_000  # in one answer


def pages(
    store: Store, stream: str, columns: Sequence[str], where: Expression, newest_first: bool = False
) -> Iterator[Table]:
    """Tables of at most ROWS rows with time (ns) and these fields and tags, in the order of time.

    where: must bound the time, so that what comes in meanwhile does not keep it from ending.
    """
    at: int | None = None
    had = 0  # rows of the time `at` that were there before
    while True:
        on = Binary("<=" if newest_first else ">=", Name("time"), Literal(at)) if at is not None else None
        select = Select(
            tuple(Column(Name(name)) for name in columns),
            (From(stream),),
            every(where, on) if on else where,
            descending=newest_first,
            limit=ROWS,
            offset=had,
        )
        tables = store.ask(to_text(select))
        yield from tables
        if not tables or len(tables[0].values) < ROWS:
            return
        times = tables[0].column("time")
        had = times.count(times[-1]) + (had if times[-1] == at else 0)
        at = times[-1]


def equal(name: str, value: Value) -> Expression:
    return Binary("=", Name(name), Literal(value))


def one_of(name: str, values: Iterable[Value]) -> Expression:
    """The field has one of these, of which there is one at least."""
    return reduce(lambda one, other: Binary("OR", one, other), (equal(name, value) for value in values))


def within(start: int, stop: int) -> Expression:
    """From `start` up to before `stop`, ns."""
    return every(Binary(">=", Name("time"), Literal(start)), Binary("<", Name("time"), Literal(stop)))
