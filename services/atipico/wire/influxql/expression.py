"""Expressions: what stands in SELECT, WHERE and GROUP BY."""

from __future__ import annotations

import re

from atipico.errors import Refused
from atipico.wire.influxql.reader import Reader
from atipico.wire.influxql.tree import Binary, Call, Duration, Expression, Literal, Name, Regex, Wildcard

MOST_OPERATORS = 600  # in one text; each may lie one level deeper than the last

# The higher binds the tighter; equal ones are read from the left.
PRECEDENCE = {"OR": 1, "AND": 2} | dict.fromkeys(["=", "!=", "=~", "!~", "<", "<=", ">", ">="], 3)
PRECEDENCE |= dict.fromkeys(["+", "-", "|", "^"], 4) | dict.fromkeys(["*", "/", "%", "&"], 5)

_KINDS = ("field", "tag")
_CASTS = ("float", "integer", "unsigned", "string", "boolean")
_SIMPLE = re.compile(r"integer|number|text|duration|regex|TRUE|FALSE")


def expression(reader: Reader, level: int = 1) -> Expression:
    """The expression that starts here, of operators that bind as tight as `level` or tighter."""
    left = _operand(reader)
    while (binding := PRECEDENCE.get(reader.next.kind, 0)) >= level:
        op = reader.take().kind
        if op in ("=~", "!~") and reader.next.kind != "regex":
            raise reader.unexpected("regex")
        with reader.deeper():
            left = Binary(op, left, expression(reader, binding + 1))
        reader.operators += 1
        if reader.operators > MOST_OPERATORS:
            raise Refused(
                f"error parsing query: more than {MOST_OPERATORS} operators; write fewer (=~ /a|b/ asks for many)"
            )
    return left


def _operand(reader: Reader) -> Expression:
    token = reader.next
    if token.kind == "(":
        reader.take()
        with reader.deeper():
            inner = expression(reader)
        reader.expect(")")
        return inner
    if token.kind in ("-", "+"):
        return _signed(reader)
    if token.kind == "*":
        reader.take()
        return Wildcard(_cast(reader, _KINDS))
    if token.kind == "name" and reader.after.kind == "(":
        return call(reader)
    if token.kind in ("name", "quoted"):
        return Name(reader.name(), _cast(reader, (*_CASTS, *_KINDS)))
    if token.kind == "DISTINCT":
        return _distinct(reader)
    if token.kind == "$":
        raise Refused("error parsing query: bound parameters ($name) are not spoken here yet; write the value itself")
    if not _SIMPLE.fullmatch(token.kind):
        raise reader.unexpected("identifier", "string", "number", "bool")
    reader.take()
    match token.kind:
        case "duration":
            return Duration(int(token.value))
        case "regex":
            return Regex(str(token.value))
        case "TRUE" | "FALSE":
            return Literal(token.kind == "TRUE")
    return Literal(token.value)


def _signed(reader: Reader) -> Expression:
    sign = -1 if reader.take().kind == "-" else 1
    match reader.next.kind:
        case "integer" | "number":
            return Literal(sign * reader.take().value)  # type: ignore[operator]  # the lexer gave it a number
        case "duration":
            return Duration(sign * int(reader.take().value))
    with reader.deeper():
        return Binary("*", Literal(sign), _operand(reader))


def _distinct(reader: Reader) -> Call:
    """DISTINCT f or distinct(f), which mean the same."""
    if reader.after.kind == "(":
        reader.take()
        return Call("distinct", _arguments(reader))
    reader.take()
    if reader.next.kind not in ("name", "quoted"):
        raise reader.unexpected("identifier")
    return Call("distinct", (Name(reader.name()),))


def call(reader: Reader) -> Call:
    """A function and its arguments."""
    name = str(reader.expect("name").value).lower()
    return Call(name, _arguments(reader))


def _arguments(reader: Reader) -> tuple[Expression, ...]:
    reader.expect("(")
    arguments: list[Expression] = []
    while not reader.taken(")"):
        if arguments:
            if reader.next.kind != ",":
                raise reader.unexpected(")")
            reader.take()
        with reader.deeper():
            arguments.append(expression(reader))
    return tuple(arguments)


def _cast(reader: Reader, known: tuple[str, ...]) -> str:
    """What stands behind `::`; "field" and "tag" choose, the casts to another type are not spoken."""
    if not reader.taken("::"):
        return ""
    kind = reader.word().lower()
    if kind not in known:
        raise reader.unexpected(*known)
    reader.take()
    if kind not in _KINDS:
        raise Refused(f"error parsing query: a cast (::{kind}) is not spoken here yet; read the field as it is")
    return kind
