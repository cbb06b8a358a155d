"""Statements: SELECT here, the others in `shows`. The grammar is read by hand, one function a rule."""

from __future__ import annotations

from atipico.errors import Refused
from atipico.wire.influxql.expression import call, expression
from atipico.wire.influxql.reader import Reader
from atipico.wire.influxql.shows import show
from atipico.wire.influxql.sources import sources_of_select
from atipico.wire.influxql.tree import (
    Column,
    CreateDatabase,
    DropDatabase,
    Expression,
    Fill,
    Literal,
    Name,
    Select,
    Statement,
)

# The words that begin a statement of InfluxDB, and those behind CREATE and DROP.
_BEGINNINGS = "SELECT DELETE SHOW CREATE DROP EXPLAIN GRANT REVOKE ALTER SET KILL"
_MADE = "CONTINUOUS DATABASE USER RETENTION SUBSCRIPTION"
_DROPPED = "CONTINUOUS DATABASE MEASUREMENT RETENTION SERIES SHARD SUBSCRIPTION USER"
_SPOKEN = "SELECT, SHOW, CREATE DATABASE and DROP DATABASE are"


def parse(text: str) -> tuple[Statement, ...]:
    """All statements of a text. Raises Refused in InfluxDB's words, or saying what is not spoken here yet."""
    reader = Reader(text)
    found: list[Statement] = []
    while True:
        while reader.taken(";"):
            pass
        if reader.next.kind == "end":
            return tuple(found)
        found.append(_statement(reader))
        if reader.next.kind not in (";", "end"):
            raise reader.unexpected(";")


def _statement(reader: Reader) -> Statement:
    word = reader.next.kind
    if word not in _BEGINNINGS.split():
        raise reader.unexpected(*_BEGINNINGS.split())
    reader.take()
    match word:
        case "SELECT":
            return _select(reader)
        case "SHOW":
            return show(reader)
        case "CREATE":
            return _create(reader)
        case "DROP":
            return _drop(reader)
    raise Refused(f"error parsing query: {word} is not spoken here yet; {_SPOKEN}")


def _create(reader: Reader) -> CreateDatabase:
    _database(reader, "CREATE", _MADE)
    name = reader.name()
    if reader.next.kind == "WITH":
        raise Refused("error parsing query: CREATE DATABASE ... WITH is not spoken here yet; retention is a setting")
    return CreateDatabase(name)


def _drop(reader: Reader) -> DropDatabase:
    _database(reader, "DROP", _DROPPED)
    return DropDatabase(reader.name())


def _database(reader: Reader, verb: str, known: str) -> None:
    if reader.next.kind not in known.split():
        raise reader.unexpected(*known.split())
    if (word := reader.take().kind) != "DATABASE":
        raise Refused(f"error parsing query: {verb} {word} is not spoken here yet; {_SPOKEN}")


def _select(reader: Reader) -> Select:
    columns = _columns(reader)
    if reader.next.kind == "INTO":
        raise Refused("error parsing query: SELECT ... INTO is not spoken here yet; read, and write what you read")
    reader.expect("FROM")
    read_from = sources_of_select(reader, _select)
    where = expression(reader) if reader.taken("WHERE") else None
    dimensions = _dimensions(reader)
    fill = _fill(reader)
    descending = _order(reader)
    limits = [reader.integer() if reader.taken(word) else 0 for word in ("LIMIT", "OFFSET", "SLIMIT", "SOFFSET")]
    if reader.word() == "TZ":
        raise Refused("error parsing query: tz() is not spoken here yet; times are UTC")
    return Select(columns, read_from, where, dimensions, fill, descending, *limits)


def _columns(reader: Reader) -> tuple[Column, ...]:
    found: list[Column] = []
    while not found or reader.taken(","):
        value = expression(reader)
        found.append(Column(value, reader.name() if reader.taken("AS") else None))
    return tuple(found)


def _dimensions(reader: Reader) -> tuple[Expression, ...]:
    if not reader.taken("GROUP"):
        return ()
    reader.expect("BY")
    found: list[Expression] = []
    while not found or reader.taken(","):
        found.append(expression(reader))
    return tuple(found)


def _fill(reader: Reader) -> Fill:
    if reader.word() != "FILL":
        return Fill()
    if reader.after.kind != "(":
        raise Refused("error parsing query: fill must be a function call")
    match call(reader).arguments:
        case (Name(("null" | "none" | "previous" | "linear") as kind),):
            return Fill(kind)
        case (Literal(float() | int() as value),) if not isinstance(value, bool):
            return Fill("number", value)
        case (_,):
            raise Refused("error parsing query: expected number argument in fill()")
    raise Refused("error parsing query: fill requires an argument, e.g.: 0, null, none, previous, linear")


def _order(reader: Reader) -> bool:
    """True for newest first. The word `time` may be left out, as in InfluxDB."""
    if not reader.taken("ORDER"):
        return False
    reader.expect("BY")
    if reader.next.kind not in ("ASC", "DESC") and reader.name() != "time":
        raise Refused("error parsing query: only ORDER BY time supported at this time")
    descending = reader.taken("DESC")
    if not descending:
        reader.taken("ASC")
    if reader.next.kind == ",":
        raise Refused("error parsing query: only ORDER BY time supported at this time")
    return descending
