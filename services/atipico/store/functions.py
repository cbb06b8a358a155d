"""The functions of InfluxQL that are spoken here: what each takes and gives, and how it must be called."""

from __future__ import annotations

from typing import NamedTuple

from atipico.errors import Refused
from atipico.wire.influxql.text import duration
from atipico.wire.influxql.tree import Call, Duration, Expression, Literal, Name, Regex, Wildcard

NUMBERS = frozenset({"float", "integer"})
ORDERED = NUMBERS | {"boolean"}
ALL = ORDERED | {"string"}


class Function(NamedTuple):
    """takes: the types of fields. gives: the type of its answers; "" for that of what it takes."""

    takes: frozenset[str]
    gives: str = ""


# Many points become one or some: a number of them all, or the points that are selected.
NUMBERS_OF = {
    "count": Function(ALL, "integer"),
    "sum": Function(NUMBERS),
    "mean": Function(NUMBERS, "float"),
    "median": Function(NUMBERS, "float"),
    "mode": Function(ALL),
    "stddev": Function(NUMBERS, "float"),
    "spread": Function(NUMBERS),
    "distinct": Function(ALL),
    "integral": Function(NUMBERS, "float"),
}
SELECTORS = {
    "min": Function(ORDERED),
    "max": Function(ORDERED),
    "first": Function(ALL),
    "last": Function(ALL),
    "percentile": Function(NUMBERS),
    "top": Function(NUMBERS),
    "bottom": Function(NUMBERS),
}
# From each point and those before it, a point.
STEPS = {
    "derivative": Function(NUMBERS, "float"),
    "non_negative_derivative": Function(NUMBERS, "float"),
    "difference": Function(NUMBERS),
    "non_negative_difference": Function(NUMBERS),
    "moving_average": Function(NUMBERS, "float"),
    "cumulative_sum": Function(NUMBERS),
    "elapsed": Function(ALL, "integer"),
}
FOLDS = NUMBERS_OF | SELECTORS
POINTS = FOLDS | STEPS
# Of one value, or two.
MATH = dict.fromkeys(("abs", "sin", "cos", "tan", "asin", "acos", "atan", "sqrt", "floor", "ceil", "round"), 1)
MATH |= dict.fromkeys(["exp", "ln", "log2", "log10"], 1)
MATH |= dict.fromkeys(["atan2", "log", "pow"], 2)
SPOKEN = f"{', '.join(POINTS)}, {', '.join(MATH)}"
UNSPOKEN = {"sample", "histogram", "holt_winters", "holt_winters_with_fit", "exponential_moving_average"}
UNSPOKEN |= {"double_exponential_moving_average", "triple_exponential_moving_average", "triple_exponential_derivative"}
UNSPOKEN |= {"relative_strength_index", "chande_momentum_oscillator", "kaufmans_efficiency_ratio"}
UNSPOKEN |= {"kaufmans_adaptive_moving_average"}

_TIMED = {"derivative", "non_negative_derivative", "elapsed", "integral"}  # may name a unit of time
_COUNTED = {"percentile", "moving_average", "top", "bottom"}  # must name a number


def check(call: Call) -> None:
    """Raises Refused for a function over points that is called with what it cannot take."""
    name, given = call.name, len(call.arguments)
    if name not in POINTS:
        raise Refused(f"undefined function {name}()")
    least, most = (2, 2) if name in _COUNTED else (1, 2) if name in _TIMED else (1, 1)
    if not least <= given <= most:
        wanted = f"expected {least}" if least == most else f"expected at least {least} but no more than {most}"
        raise Refused(f"invalid number of arguments for {name}, {wanted}, got {given}")
    if given == 2:
        _check_second(name, call.arguments[1])
    what = call.arguments[0]
    nested = isinstance(what, Call) and (name in STEPS or (name == "count" and what.name == "distinct"))
    wild = isinstance(what, Wildcard | Regex) and name not in ("distinct", "top", "bottom")
    if not (isinstance(what, Name) or nested or wild):
        raise Refused(f"expected field argument in {name}()")
    if isinstance(what, Wildcard) and what.kind == "tag":
        raise Refused(f"unable to use tag wildcard in {name}()")


def check_takes(call: Call, kind: str) -> None:
    """Raises Refused when a function does not take values of this type; "" is nobody's."""
    if kind and kind not in POINTS[call.name].takes:
        raise Refused(f"unsupported {call.name} iterator type: *query.{kind}InterruptIterator")


def _check_second(name: str, given: Expression) -> None:
    match name, given:
        case "percentile", Literal(int() | float() as value) if not isinstance(value, bool):
            return
        case "moving_average", Literal(int() as value) if not isinstance(value, bool):
            if value < 2:
                raise Refused(f"moving_average window must be greater than 1, got {value}")
            return
        case "top" | "bottom", Literal(int() as value) if not isinstance(value, bool):
            if value < 1:
                raise Refused(f"limit ({value}) in {name} function must be at least 1")
            return
        case _, Duration(ns) if name in _TIMED:
            if ns <= 0:
                raise Refused(f"duration argument must be positive, got {duration(ns)}")
            return
    if name in _TIMED:
        raise Refused(f"second argument to {name} must be a duration")
    raise Refused(f"expected {'float' if name == 'percentile' else 'integer'} argument in {name}()")
