"""Functions that make one value, or some, of the points of a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from atipico.store.formula import wrapped
from atipico.store.points import Point, Scope
from atipico.wire.influxql.tree import Call, Literal

Points = Sequence[Point]


def folded(call: Call, points: Points, scope: Scope) -> Iterator[Point]:
    """The points that a function makes of those of one group, window by window; each at its own time.

    A number of many points gets the time of its window, or of the range where there are no windows.
    """
    fold = _with_argument(call)
    if scope.windows is None:
        yield from _of_window(call.name, fold, points, scope.start, scope)
        return
    for start, window in groupby(points, lambda point: scope.windows.start(point.time)):  # type: ignore[union-attr]
        yield from _of_window(call.name, fold, list(window), start, scope)


def _of_window(name: str, fold: Callable[..., Any], points: Points, start: int, scope: Scope) -> Iterator[Point]:
    if not points:
        return
    if name == "mode":
        yield Point(start, fold(points)[0].value)
    elif name in _CHOOSING:
        chosen: list[Point] = fold(points)
        yield from sorted(chosen, key=lambda point: point.time, reverse=scope.descending)
    else:
        yield Point(start, fold([point.value for point in points]))


def _with_argument(call: Call) -> Callable[..., Any]:
    number = call.arguments[1].value if len(call.arguments) == 2 and isinstance(call.arguments[1], Literal) else None
    if number is None:
        return (_CHOOSING | _NUMBER)[call.name]
    choose = _CHOOSING_BY[call.name]
    return lambda points: choose(points, number)


def _total(values: list[Any]) -> Any:
    return sum(values) if isinstance(values[0], float) else wrapped(sum(values))


def _mean(values: list[Any]) -> float:
    return float(sum(values)) / len(values)


def _median(values: list[Any]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    low, high = ordered[middle - 1], ordered[middle]
    return float(low + (high - low) / 2)


def _stddev(values: list[Any]) -> float:
    """Of a sample; of one value alone there is none. Of several that are no numbers it is 0, as in InfluxDB."""
    known = [value for value in values if not math.isnan(value)]
    if len(values) < 2 or len(known) == 1:
        return math.nan
    if not known:
        return 0.0
    mean = 0.0
    for count, value in enumerate(known, 1):
        mean += (value - mean) / count
    return math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (len(known) - 1))


def _mode(points: Points) -> list[Point]:
    """The value that comes most often, as InfluxDB looks for it: in the order of values.

    When none comes twice it is the lowest. Of two that come as often the later in that order wins, unless it first
    came after the other was last seen. Of booleans as many it is true.
    """
    ordered = sorted(points, key=lambda point: point.value)
    if isinstance(ordered[0].value, bool):
        return [Point(0, 2 * sum(point.value for point in ordered) >= len(ordered))]
    best, most, last = ordered[0].value, 1, ordered[0].time
    for value, equal in groupby(ordered, lambda point: point.value):
        times = [point.time for point in equal]
        for count, time in enumerate(times[1:], 2):
            if count > most or (count == most and times[0] <= last):
                best, most, last = value, count, time
    return [Point(0, best)]


def _distinct(points: Points) -> list[Point]:
    """Each value once, at the time of its first point; of one time the lowest first. No two of NaN are one."""
    first: dict[Any, Point] = {}
    for point in points:
        key = point.value if point.value == point.value else point
        first.setdefault(key, Point(point.time, point.value))
    return sorted(first.values(), key=lambda point: point.value)


def _percentile(points: Points, percent: float) -> list[Point]:
    """The point of the nearest rank; none below the first or behind the last."""
    rank = math.floor(len(points) * percent / 100.0 + 0.5) - 1
    ordered = sorted(points, key=lambda point: point.value)
    return [ordered[rank]] if 0 <= rank < len(ordered) else []


def _top(points: Points, count: int) -> list[Point]:
    """The points of the greatest values; of equal ones the earlier."""
    return sorted(points, key=lambda point: (-point.value, point.time))[:count]


def _bottom(points: Points, count: int) -> list[Point]:
    return sorted(points, key=lambda point: (point.value, point.time))[:count]


def _first(points: Points) -> list[Point]:
    """The earliest; of those of one time the greatest value."""
    time = min(point.time for point in points)
    return [max((point for point in points if point.time == time), key=lambda point: point.value)]


def _last(points: Points) -> list[Point]:
    time = max(point.time for point in points)
    return [max((point for point in points if point.time == time), key=lambda point: point.value)]


def _least(points: Points) -> list[Point]:
    """The earliest of the least values; what is no number is never left for another, as in InfluxDB."""
    best = points[0]
    for point in points:
        if point.value < best.value or (point.value == best.value and point.time < best.time):
            best = point
    return [best]


def _greatest(points: Points) -> list[Point]:
    best = points[0]
    for point in points:
        if point.value > best.value or (point.value == best.value and point.time < best.time):
            best = point
    return [best]


_NUMBER: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "sum": _total,
    "mean": _mean,
    "median": _median,
    "stddev": _stddev,
    "spread": lambda values: math.nan if any(value != value for value in values) else max(values) - min(values),
}
_CHOOSING: dict[str, Callable[[Points], list[Point]]] = {
    "mode": _mode,
    "distinct": _distinct,
    "first": _first,
    "last": _last,
    "min": _least,
    "max": _greatest,
}
_CHOOSING_BY: dict[str, Callable[[Points, Any], list[Point]]] = {
    "percentile": _percentile,
    "top": _top,
    "bottom": _bottom,
}
_CHOOSING |= dict.fromkeys(_CHOOSING_BY, list)  # named above with the number that they need
