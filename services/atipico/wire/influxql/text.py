"""Statements as InfluxQL text, which `parse` reads back as equal statements."""

from __future__ import annotations

from decimal import Decimal

from atipico.wire.influxql.expression import PRECEDENCE
from atipico.wire.influxql.lexer import NS
from atipico.wire.influxql.tree import (
    Binary,
    Call,
    Column,
    CreateDatabase,
    DropDatabase,
    Duration,
    Expression,
    Fill,
    From,
    Literal,
    Match,
    Name,
    Regex,
    Select,
    Show,
    Statement,
    Wildcard,
)


def write(statement: Statement) -> str:
    """One statement as text; every name is in double quotes."""
    match statement:
        case CreateDatabase(name):
            return f"CREATE DATABASE {quoted(name)}"
        case DropDatabase(name):
            return f"DROP DATABASE {quoted(name)}"
        case Show():
            return _show(statement)
    return _select(statement)


def quoted(name: str) -> str:
    """A name in double quotes."""
    return '"' + _escaped(name).replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _select(select: Select) -> str:
    parts = ["SELECT", ", ".join(map(_column, select.columns)), "FROM", ", ".join(map(_from, select.sources))]
    if select.where is not None:
        parts += ["WHERE", _expression(select.where)]
    if select.dimensions:
        parts += ["GROUP BY", ", ".join(map(_expression, select.dimensions))]
    if select.fill != Fill():
        kind = select.fill.kind
        parts.append(f"fill({kind if kind != 'number' else _literal(select.fill.value)})")
    if select.descending:
        parts.append("ORDER BY time DESC")
    return " ".join(parts) + _limits(
        LIMIT=select.limit, OFFSET=select.offset, SLIMIT=select.series_limit, SOFFSET=select.series_offset
    )


def _show(show: Show) -> str:
    parts = ["SHOW", show.what.upper()]
    if show.database is not None:
        parts += ["ON", quoted(show.database)]
    if show.sources:
        parts += ["FROM", ", ".join(map(_from, show.sources))]
    if show.match is not None:
        parts += ["WITH", "KEY" if show.what == "tag values" else "MEASUREMENT", _match(show.match)]
    if show.where is not None:
        parts += ["WHERE", _expression(show.where)]
    return " ".join(parts) + _limits(LIMIT=show.limit, OFFSET=show.offset)


def _limits(**limits: int) -> str:
    return "".join(f" {word} {limit}" for word, limit in limits.items() if limit)


def _column(column: Column) -> str:
    return _expression(column.value) + (f" AS {quoted(column.alias)}" if column.alias is not None else "")


def _from(source: From | Select) -> str:
    if isinstance(source, Select):
        return f"({_select(source)})"
    name = _regex(source.name) if isinstance(source.name, Regex) else quoted(source.name)
    policy = quoted(source.policy) if source.policy is not None else ""
    if source.database is not None:
        return f"{quoted(source.database)}.{policy}.{name}"
    return f"{policy}.{name}" if policy else name


def _match(match: Match) -> str:
    operands = [_regex(one) if isinstance(one, Regex) else quoted(one) for one in match.operands]
    return f"IN ({', '.join(operands)})" if match.op == "IN" else f"{match.op} {operands[0]}"


def _regex(regex: Regex) -> str:
    return "/" + regex.pattern.replace("/", "\\/") + "/"


def _literal(value: float | int | bool | str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")  # InfluxQL has no exponents
        return plain if "." in plain else plain + ".0"
    return "'" + _escaped(value).replace("'", "\\'") + "'" if isinstance(value, str) else str(value)


def duration(ns: int) -> str:
    """A length of time as InfluxQL writes it: 90 s are 90s, 60 s are 1m."""
    unit = next(unit for unit in ("w", "d", "h", "m", "s", "ms", "u", "ns") if ns % NS[unit] == 0)
    return f"{ns // NS[unit]}{unit}"


def _expression(value: Expression, level: int = 1) -> str:
    """The text, in parentheses where it binds looser than `level`."""
    match value:
        case Binary(op, left, right):
            binding = PRECEDENCE[op]
            plain = f"{_expression(left, binding)} {op} {_expression(right, binding + 1)}"
            return f"({plain})" if binding < level else plain
        case Call(name, arguments):
            return f"{name}({', '.join(map(_expression, arguments))})"
        case Name(name, kind):
            return quoted(name) + (f"::{kind}" if kind else "")
        case Wildcard(kind):
            return "*" + (f"::{kind}" if kind else "")
        case Regex():
            return _regex(value)
        case Duration(ns):
            return duration(ns)
        case Literal(plain):
            return _literal(plain)
    raise TypeError(f"{value!r} is no expression")
