"""fill(): what the windows without points show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from atipico.store import bound
from atipico.store.points import Point, Scope

_ZEROS: dict[str, Any] = {"string": "", "boolean": False}  # what a number becomes in a window where no number fits
KEEP = object()  # in place of a value: what was in this place before


class Filler:
    """Fills the windows of one statement, and counts them: an answer has a bounded number of values."""

    def __init__(self, scope: Scope) -> None:
        assert scope.windows is not None
        self._scope, self._windows = scope, scope.windows
        self._left = bound.MOST_WINDOWS

    def filled(self, function: str, kind: str, points: Sequence[Point], scope: Scope) -> Iterator[Point]:
        """The points of one group with those of its empty windows between them.

        From the beginning of the range, or the first point where the query left that open, to its end. A window
        walks on with each point that is not ahead of it, as InfluxDB's does. kind: the type of the values.
        Raises Refused when all groups together have more windows than are answered.
        """
        if not points:
            return
        first, last = self._ends(points, scope)
        at, step = first, -self._windows.width if scope.descending else self._windows.width
        before: Point | None = None
        next_one = 0
        while True:
            point = points[next_one] if next_one < len(points) else None
            if point is None and (last is None or ((at < last) if scope.descending else (at > last))):
                return
            if point is not None and ((point.time >= at) if scope.descending else (point.time <= at)):
                yield point
                before, next_one = point, next_one + 1
            else:
                self._count()
                beside = (None,) * len(points[0].beside)
                yield Point(at, self._value(function, kind, at, before, point), beside)
            at += step

    def _ends(self, points: Sequence[Point], scope: Scope) -> tuple[int, int | None]:
        low, high = scope.span.low, scope.span.high or 0
        if scope.descending:
            return self._windows.start(high), None if low is None else self._windows.start(low)
        return self._windows.start(points[0].time if low is None else low), self._windows.start(high)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise bound.too_many(bound.MOST_WINDOWS)

    def _value(self, function: str, kind: str, at: int, before: Point | None, after: Point | None) -> Any:
        match self._scope.fill.kind:
            case "number":
                return _ZEROS[kind] if kind in _ZEROS else default(self._scope, kind)
            case "previous":
                return before.value if before is not None else None
            case "linear":
                return self._between(kind, at, before, after)
        return 0 if function == "count" else None

    def _between(self, kind: str, at: int, before: Point | None, after: Point | None) -> Any:
        """On the straight line between the points around a window, in whole windows; nothing outside of them."""
        if before is None or after is None or kind not in ("float", "integer"):
            return None
        begin, end, here = (_whole(time, self._windows.width) for time in (before.time, after.time, at))
        slope = float(after.value - before.value) / (end - begin)
        value = slope * (here - begin) + before.value
        return int(value) if kind == "integer" else value


def default(scope: Scope, kind: str) -> Any:
    """What stands in a row for a value that it lacks: a number of fill(), KEEP, or nothing.

    The number is whole in a column of integers, and stays a number in one of texts or booleans, as in InfluxDB.
    """
    if scope.fill.kind == "previous":
        return KEEP
    if scope.fill.kind != "number" or scope.fill.value is None:
        return None
    return {"integer": int, "float": float}.get(kind, lambda value: value)(scope.fill.value)


def _whole(time: int, width: int) -> int:
    """Whole widths, towards zero."""
    return time // width if time >= 0 else -(-time // width)
