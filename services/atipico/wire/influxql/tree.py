"""What InfluxQL text becomes: frozen values that compare equal when the text means the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A field, a tag, or `time`. kind: "field" or "tag" where a cast said so, else ""."""

    name: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`*`, `*::field` or `*::tag`."""

    kind: str = ""


@dataclass(frozen=True, slots=True)
class Regex:
    """A pattern in RE2's syntax (Go's), without its slashes."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a boolean, or a text in single quotes."""

    value: float | int | bool | str


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, or a time since 1970; in ns."""

    ns: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function; the name is in lower case."""

    name: str
    arguments: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """op: one of + - * / % & | ^, = != < <= > >= =~ !~, AND OR."""

    op: str
    left: Expression
    right: Expression


Expression = Name | Wildcard | Regex | Literal | Duration | Call | Binary


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an answer, and the name that AS gave it."""

    value: Expression
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class From:
    """A measurement, or all whose name a pattern finds."""

    name: str | Regex
    database: str | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """What an empty window shows. kind: null, none, previous, linear or number (then `value`)."""

    kind: str = "null"
    value: float | int | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """dimensions: what GROUP BY names (time(...), tags, patterns, `*`). A limit of 0 is no limit.

    A source that is a SELECT is a subquery: its columns are read as fields.
    """

    columns: tuple[Column, ...]
    sources: tuple[From | Select, ...]
    where: Expression | None = None
    dimensions: tuple[Expression, ...] = ()
    fill: Fill = Fill()
    descending: bool = False
    limit: int = 0
    offset: int = 0
    series_limit: int = 0
    series_offset: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """WITH KEY or WITH MEASUREMENT. op: = != =~ !~ (one operand) or IN."""

    op: str
    operands: tuple[str | Regex, ...]


@dataclass(frozen=True, slots=True)
class Show:
    """what: databases, measurements, field keys, tag keys, tag values, series or retention policies."""

    what: str
    database: str | None = None
    sources: tuple[From, ...] = ()
    match: Match | None = None
    where: Expression | None = None
    limit: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    name: str


@dataclass(frozen=True, slots=True)
class DropDatabase:
    name: str


Statement = Select | Show | CreateDatabase | DropDatabase
