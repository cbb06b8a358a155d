"""The statements that the page asks, as trees: a name or a value can't be read as anything else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from atipico.wire.influxql.tree import (
    Binary,
    Call,
    Column,
    Duration,
    Expression,
    Fill,
    From,
    Literal,
    Match,
    Name,
    Select,
    Show,
    Wildcard,
)

ALL = Column(Wildcard())


def equals(name: str, value: float | int | bool | str) -> Expression:
    return Binary("=", Name(name), Literal(value))


def every(*conditions: Expression) -> Expression:
    """All of them hold."""
    return reduce(lambda one, other: Binary("AND", one, other), conditions)


def some(conditions: Iterable[Expression]) -> Expression:
    """At least one of them holds."""
    return reduce(lambda one, other: Binary("OR", one, other), conditions)


def within(start: int, stop: int | None = None) -> Expression:
    """From `start` up to before `stop`, ns."""
    lower = Binary(">=", Name("time"), Literal(start))
    return lower if stop is None else Binary("AND", lower, Binary("<", Name("time"), Literal(stop)))


def field(name: str) -> Column:
    return Column(Name(name))


def of(function: str, name: str, alias: str) -> Column:
    return Column(Call(function, (Name(name),)), alias)


def rows(columns: Iterable[Column], measurement: str, where: Expression, newest: int = 0, limit: int = 0) -> Select:
    """Rows as they are. newest: only so many, the newest first; limit: only so many, the oldest first."""
    return Select(tuple(columns), (From(measurement),), where, descending=bool(newest), limit=newest or limit)


def buckets(columns: Iterable[Column], measurement: str, where: Expression, step: int, by: str = "") -> Select:
    """One row a bucket of `step` ns that holds something, for each value of the tag `by` if given."""
    dimensions: list[Expression] = [Call("time", (Duration(step),))]
    if by:
        dimensions.append(Name(by))
    return Select(tuple(columns), (From(measurement),), where, tuple(dimensions), Fill("none"))


def by_tag(columns: Iterable[Column], measurement: str, where: Expression, tag: str) -> Select:
    return Select(tuple(columns), (From(measurement),), where, (Name(tag),))


def measurements() -> Show:
    return Show("measurements")


def fields(measurement: str) -> Show:
    return Show("field keys", sources=(From(measurement),))


def tags(measurement: str) -> Show:
    return Show("tag keys", sources=(From(measurement),))


def tag_values(measurement: str, tag: str, where: Expression | None = None) -> Show:
    return Show("tag values", sources=(From(measurement),), match=Match("=", (tag,)), where=where)
