"""Functions that go from point to point: derivative, difference, moving_average, and their like; and integral()."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from atipico.store.formula import wrapped
from atipico.store.points import Point, Scope
from atipico.wire.influxql.tree import Call, Duration, Literal

_SECOND = 10**9


def stepped(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    """What a step makes of the points of one group, in their order; empty windows are stepped over."""
    return _STEPS[call.name](call, [point for point in points if point.value is not None], scope)


def _once_a_time(points: Sequence[Point]) -> Iterator[Point]:
    """Of points of one time only the first, as InfluxDB steps."""
    last = None
    for point in points:
        if point.time != last:
            yield point
        last = point.time


def _unit(call: Call, default: int) -> int:
    given = call.arguments[1] if len(call.arguments) == 2 else None
    return given.ns if isinstance(given, Duration) else default


def _minus(one: Any, other: Any) -> Any:
    return one - other if isinstance(one, float) else wrapped(one - other)


def _derivative(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    """By the named unit of time, else by the width of the windows, else by the second."""
    unit = _unit(call, scope.windows.width if scope.windows else _SECOND)
    sign = -1 if scope.descending else 1
    for before, point in pairwise(_once_a_time(points)):
        change = float(_minus(point.value, before.value))
        if not (change < 0 and call.name.startswith("non_negative")):
            yield Point(point.time, change / (sign * (point.time - before.time) / unit))


def _difference(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    for before, point in pairwise(_once_a_time(points)):
        change = _minus(point.value, before.value)
        if not (change < 0 and call.name.startswith("non_negative")):
            yield Point(point.time, change)


def _moving_average(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    """By a running sum, as InfluxDB keeps it: what is no number stays in it for good."""
    count = int(call.arguments[1].value) if isinstance(call.arguments[1], Literal) else 1
    window: deque[Any] = deque()
    total: Any = 0
    for point in points:
        if len(window) == count:
            total -= window.popleft()
        window.append(point.value)
        total += point.value
        if len(window) == count:
            yield Point(point.time, float(total) / count)


def _cumulative_sum(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    total: Any = 0
    for point in points:
        total = total + point.value if isinstance(point.value, float) else wrapped(total + point.value)
        yield Point(point.time, total)


def _elapsed(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    """Whole units of time since the point before, towards zero."""
    unit = _unit(call, 1)
    for before, point in pairwise(points):
        passed = point.time - before.time
        yield Point(point.time, passed // unit if passed >= 0 else -(-passed // unit))


def integrated(call: Call, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
    """The area under straight lines from point to point, by window; a window's border cuts a line in two."""
    known = [point for point in points if point.value is not None]
    if not known:
        return
    unit, windows, total = _unit(call, _SECOND), scope.windows, 0.0
    time, value = known[0].time, float(known[0].value)
    start, end = _borders(time, scope) if windows else (0, None)  # InfluxDB shows 1970 for a whole range
    for point in known[1:]:
        to = float(point.value)
        if point.time == time:
            value = to
            continue
        if end is not None and (point.time <= end if scope.descending else point.time >= end):
            if time != end:
                cut = value + (to - value) * (end - time) / (point.time - time)
                total += (cut + value) / 2 * (end - time) / unit
                time, value = end, cut
            yield Point(start, total)
            (start, end), total = _borders(point.time, scope), 0.0
        total += (to + value) / 2 * (point.time - time) / unit
        time, value = point.time, to
    if time != start:
        yield Point(start, total)


def _borders(time: int, scope: Scope) -> tuple[int, int]:
    """Where the window of a time begins and ends, as one walks."""
    assert scope.windows is not None
    low = scope.windows.start(time)
    high = low + scope.windows.width
    return (high, low) if scope.descending else (low, high)


_STEPS: dict[str, Callable[[Call, Sequence[Point], Scope], Iterator[Point]]] = {
    "derivative": _derivative,
    "non_negative_derivative": _derivative,
    "difference": _difference,
    "non_negative_difference": _difference,
    "moving_average": _moving_average,
    "cumulative_sum": _cumulative_sum,
    "elapsed": _elapsed,
}
