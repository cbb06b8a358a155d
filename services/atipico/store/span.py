"""The part of WHERE that speaks of time: taken out of it, as one range."""

from __future__ import annotations

from dataclasses import dataclass

from atipico.errors import Refused
from atipico.store import moments
from atipico.wire.influxql.tree import Binary, Call, Duration, Expression, Literal, Name, Wildcard

_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}


@dataclass(frozen=True)
class Span:
    """Times from `low` to `high`, both within; None where the query leaves that side open. ns."""

    low: int | None = None
    high: int | None = None

    def both(self, other: Span) -> Span:
        """What lies in this one and the other."""
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        return Span(max(lows, default=None), min(highs, default=None))


def split(where: Expression | None, now: int) -> tuple[Span, Expression | None]:
    """The range that the conditions on time leave, and the other conditions.

    Raises Refused for a condition on time under OR, or one that is no comparison with a time.
    """
    if where is None or not _speaks_of_time(where):
        return Span(), where
    if not isinstance(where, Binary):
        raise Refused("invalid condition expression: time")
    if where.op == "AND":
        (left, rest_left), (right, rest_right) = split(where.left, now), split(where.right, now)
        rests = [rest for rest in (rest_left, rest_right) if rest is not None]
        return left.both(right), Binary("AND", rests[0], rests[1]) if len(rests) == 2 else rests[0] if rests else None
    if where.op == "OR":
        raise Refused("a condition on time under OR is not spoken here; ask each range in a statement of its own")
    if _is_time(where.left):
        return _range(where.op, moment(where.right, now)), None
    if _is_time(where.right) and where.op in _MIRRORED:
        return _range(_MIRRORED[where.op], moment(where.left, now)), None
    raise Refused("a condition on time must be a comparison: time > now() - 1h, time <= '2030-01-01T00:00:00Z'")


def _is_time(value: Expression) -> bool:
    return isinstance(value, Name) and value.name.lower() == "time"


def _speaks_of_time(value: Expression) -> bool:
    if isinstance(value, Binary):
        return _speaks_of_time(value.left) or _speaks_of_time(value.right)
    return _is_time(value)


def _range(op: str, time: int) -> Span:
    match op:
        case "=":
            return Span(time, time)
        case ">" | ">=":
            return Span(low=time + (op == ">"))
        case "<" | "<=":
            return Span(high=time - (op == "<"))
    raise Refused(f"invalid time comparison operator: {op}")


def moment(value: Expression, now: int) -> int:
    """The time that an expression names, ns; held within the times that InfluxDB knows."""
    return max(moments.FIRST, min(moments.LAST, _moment(value, now)))


def _moment(value: Expression, now: int) -> int:
    match value:
        case Call("now", ()):
            return now
        case Duration(ns):
            return ns
        case Literal(str() as text) if moments.looks_like(text):
            return moments.read(text)
        case Literal(bool()):
            pass
        case Literal(int() | float() as number):
            return int(number)
        case Binary("+" | "-" as op, left, right):
            sign = 1 if op == "+" else -1
            return _moment(left, now) + sign * _moment(right, now)
    what = {Name: "a name", Wildcard: "*", Literal: "this text"}.get(type(value), "this expression")
    raise Refused(
        f"invalid operation: time and {what} are not compatible; "
        "compare with now() - 1h, 1500000000s, 1500000000000000000 or '2030-01-01T00:00:00Z'"
    )
