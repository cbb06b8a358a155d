"""Arithmetic and mathematics over the values of one row, as InfluxDB does them.

A value is float, int (64 bits), bool, text, or None for what is not there. What does not fit together gives None.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from atipico.errors import Refused
from atipico.store.functions import MATH, POINTS
from atipico.wire.influxql.tree import Binary, Call, Expression, Literal, Name

Row = Sequence[Any]
_WHOLE = {"&": operator.and_, "|": operator.or_, "^": operator.xor}


def compiled(value: Expression, places: Mapping[Expression, int]) -> Callable[[Row], Any]:
    """What makes the value of an expression from a row; places: where in the row names and calls stand."""
    if value in places and not isinstance(value, Literal):
        at = places[value]
        return lambda row: row[at]
    match value:
        case Literal(plain):
            return lambda row: plain
        case Binary(op, left, right):
            first, second, combine = compiled(left, places), compiled(right, places), OPERATIONS[op]
            return lambda row: combine(first(row), second(row))
        case Call(name, arguments):
            function, given = _MATH[name], [compiled(one, places) for one in arguments]
            return lambda row: _called(function, name, [one(row) for one in given])
    raise Refused("this expression is not spoken here; use names, numbers, functions and + - * / %")


def kind(value: Expression, kinds: Mapping[str, str]) -> str:
    """The type of an expression, "" when nobody knows. kinds: of the fields ("tag" for a tag).

    Raises Refused for types that do not go together.
    """
    match value:
        case Name(name, cast):
            known = kinds.get(name, "")
            return known if not cast or (cast == "tag") == (known == "tag") else ""
        case Literal(plain):
            return {bool: "boolean", int: "integer", float: "float", str: "string"}[type(plain)]
        case Call(name, arguments) if name in POINTS:
            return POINTS[name].gives or kind(arguments[0], kinds)
        case Call(name, arguments):
            return _kind_of_math(name, [kind(one, kinds) for one in arguments])
        case Binary(op, left, right):
            return _kind_of_both(op, kind(left, kinds), kind(right, kinds))
    return ""


def _kind_of_math(name: str, given: list[str]) -> str:
    fitting = {"float", ""} if name in ("asin", "acos") else {"float", "integer", ""}
    for one in given:
        if one not in fitting:
            raise Refused(f"invalid argument type for an argument in {name}(): {one}")
    return given[0] if name in ("abs", "floor", "ceil", "round") else "float"


def _kind_of_both(op: str, left: str, right: str) -> str:
    if not left or not right:
        return left or right
    both = {left, right}
    if op in _WHOLE and both in ({"integer"}, {"boolean"}):
        return left
    if op not in _WHOLE and both <= {"float", "integer"}:
        return "integer" if both == {"integer"} and op != "/" else "float"
    raise Refused(f"type error: {op}: incompatible types: {left} and {right}")


def wrapped(value: int) -> int:
    """A whole number as 64 bits hold it."""
    return (value + 2**63) % 2**64 - 2**63


def _is_number(value: Any) -> bool:
    return type(value) is float or type(value) is int


def _arithmetic(on_whole: Callable[[int, int], Any], on_floats: Callable[[float, float], float]) -> Callable[..., Any]:
    def combine(left: Any, right: Any) -> Any:
        if not _is_number(left) or not _is_number(right):
            return None
        try:
            if type(left) is int and type(right) is int:
                return on_whole(left, right)
            return on_floats(float(left), float(right))
        except OverflowError:
            return math.inf

    return combine


def _bits(op: str) -> Callable[[Any, Any], Any]:
    def combine(left: Any, right: Any) -> Any:
        if (type(left) is bool and right is None) or (type(right) is bool and left is None):
            left, right = bool(left), bool(right)  # with a boolean beside it, what is not there is false
        fits = type(left) is type(right) and type(left) in (bool, int)
        return _WHOLE[op](left, right) if fits else None

    return combine


def _remainder(left: float, right: float) -> float:
    """With the sign of the left, as in Go."""
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _arithmetic(lambda a, b: wrapped(a + b), operator.add),
    "-": _arithmetic(lambda a, b: wrapped(a - b), operator.sub),
    "*": _arithmetic(lambda a, b: wrapped(a * b), operator.mul),
    "/": _arithmetic(lambda a, b: a / b if b else 0.0, lambda a, b: a / b if b else 0.0),
    "%": _arithmetic(lambda a, b: (abs(a) % abs(b)) * (1 if a >= 0 else -1) if b else 0, _remainder),
} | {op: _bits(op) for op in _WHOLE}


def _called(function: Callable[..., Any], name: str, given: list[Any]) -> Any:
    if not all(_is_number(one) for one in given):
        return None
    if name in ("abs", "floor", "ceil", "round") and type(given[0]) is int:
        return wrapped(abs(given[0])) if name == "abs" else given[0]
    try:
        return function(*map(float, given))
    except ValueError:  # outside of what the function is defined for
        return -math.inf if name.startswith(("ln", "log")) and given[0] == 0 else math.nan
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _rounded(value: float) -> float:
    """Halves go away from zero, as in Go."""
    whole = math.trunc(value) if math.isfinite(value) else value
    return float(whole + math.copysign(1, value)) if abs(value - whole) >= 0.5 else float(whole)


_MATH: dict[str, Callable[..., float]] = {
    name: getattr(math, name) for name in MATH if name not in ("abs", "ln", "floor", "ceil", "round", "log")
}
_MATH |= {"abs": abs, "ln": math.log, "round": _rounded, "log": lambda a, b: math.log(a) / math.log(b)}
_MATH |= {"floor": lambda a: float(math.floor(a)), "ceil": lambda a: float(math.ceil(a))}
