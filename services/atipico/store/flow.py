"""From sources to rows: what each function of a statement makes of the points, and the rows that they form together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from atipico.store import aggregates
from atipico.store.fill import KEEP, Filler, default
from atipico.store.folds import folded
from atipico.store.formula import kind
from atipico.store.functions import STEPS, check_takes
from atipico.store.points import Group, Point, Scope, Stream
from atipico.store.steps import integrated, stepped
from atipico.wire.influxql.tree import Call, Expression, Name

Row = tuple[int, list[Any]]  # time, and the values of the calls, then of the names


class Source(Protocol):
    """Where points come from; see `Table` and `Subquery`."""

    kinds: Mapping[str, str]
    tags: list[str]

    def check(self, call: Call, field: str) -> None: ...
    def folded(
        self, calls: Sequence[Call], beside: Sequence[Name], scope: Scope, selects: bool
    ) -> dict[Call, Stream]: ...
    def read(self, field: Name | None, beside: Sequence[Name], scope: Scope) -> Stream: ...


class Flow:
    """The functions and names that one statement asks of its sources.

    selects: there is one function, which selects a point; the names are then values of the same point.
    limits: how many points of each group a function leaves out, and how many it then gives (0: all).
    """

    def __init__(
        self,
        sources: Sequence[Source],
        kinds: Mapping[str, str],
        calls: Sequence[Call],
        names: Sequence[Name],
        scope: Scope,
        selects: bool,
        limits: tuple[int, int],
    ) -> None:
        self._sources, self._kinds, self._scope, self._selects = sources, kinds, scope, selects
        self._calls, self._names, self._limits = calls, names, limits
        self._filler = Filler(scope) if scope.windows else None
        self._computed: dict[Scope, list[dict[Call, Stream]]] = {}
        asked: list[Expression] = [*calls, *names]
        self.places = {value: at for at, value in enumerate(asked)}

    def rows(self) -> Iterator[tuple[Group, Iterator[Row]]]:
        """The rows of each group that has any, in the order of groups."""
        known = [call for call in self._calls if kind(call, self._kinds)]
        if self._calls:
            streams = [self._limited(self._stream(call, self._scope)) for call in known]
            beside = self._names if self._selects else ()
        elif any(self._kind(name) for name in self._names):
            streams, beside = [self._limited(self._read(None, self._names, self._scope))], self._names
        else:
            return
        for group in sorted(set().union(*streams)):
            yield group, self._joined([stream.get(group, []) for stream in streams], known, beside)

    def _joined(self, streams: list[list[Point]], known: list[Call], beside: Sequence[Name]) -> Iterator[Row]:
        """Points of the same time in one row; what a row lacks is what fill() says."""
        values: list[Any] = [None] * len(self.places)
        places: list[int | None] = [self.places[call] for call in known] or [None]
        defaults = [default(self._scope, kind(call, self._kinds)) for call in known] or [None]
        others = [(self.places[name], self._default(name)) for name in beside]
        at, ends = [0] * len(streams), [len(stream) for stream in streams]
        nearest: Callable[..., int] = max if self._scope.descending else min
        while times := [stream[i].time for stream, i, end in zip(streams, at, ends, strict=True) if i < end]:
            time = nearest(times)
            for number, stream in enumerate(streams):
                i = at[number]
                point = stream[i] if i < ends[number] and stream[i].time == time else None
                if point is not None:
                    at[number] += 1
                    for (place, missing), value in zip(others, point.beside, strict=True):
                        _put(values, place, value, missing)
                _put(values, places[number], point.value if point else None, defaults[number])
            yield time, values

    def _default(self, name: Name) -> Any:
        return default(self._scope, self._kind(name))

    def _kind(self, name: Name) -> str:
        return kind(name, self._kinds)

    def _limited(self, stream: Stream) -> Stream:
        offset, limit = self._limits
        if not offset and not limit:
            return stream
        cut = {group: points[offset : offset + limit if limit else None] for group, points in stream.items()}
        return {group: points for group, points in cut.items() if points}

    def _stream(self, call: Call, scope: Scope) -> Stream:
        """What a function gives, by group."""
        if call.name in STEPS:
            inner, wider = call.arguments[0], _before(call, scope)
            if isinstance(inner, Call):
                check_takes(call, kind(inner, self._kinds))
            before = self._stream(inner, wider) if isinstance(inner, Call) else self._points(call, inner, wider)
            return _each(before, lambda points: stepped(call, points, scope))
        stream = self._folded(call, scope)
        if self._filler is None or scope.fill.kind == "none" or call.name in ("integral", "top", "bottom", "distinct"):
            return stream
        filler, its = self._filler, kind(call, self._kinds)
        offset, limit = self._limits
        most = offset + limit if limit and call in self._calls else None  # no more are made than are shown
        return _each(stream, lambda points: islice(filler.filled(call.name, its, points, scope), most))

    def _folded(self, call: Call, scope: Scope) -> Stream:
        """The points that a fold makes or selects, each at the time that InfluxDB shows for it."""
        if aggregates.computes(call) and (computed := self._compute(call, scope)) is not None:
            return computed
        inner = call.arguments[0]
        beside = self._names if self._selects else ()
        before = self._folded(inner, scope) if isinstance(inner, Call) else self._points(call, inner, scope, beside)
        if call.name == "integral":
            return _each(before, lambda points: integrated(call, points, scope))
        own = call.name in ("top", "bottom") or (self._selects and scope.windows is None)
        return _each(before, lambda points: _timed(folded(call, points, scope), scope, own))

    def _compute(self, call: Call, scope: Scope) -> Stream | None:
        """What the sources compute themselves, of all functions at once; None when one of them does not."""
        if scope not in self._computed:
            wanted = [inner for one in self._calls for inner, around in _inner(one, self._scope) if around == scope]
            beside = self._names if self._selects else ()
            for one in wanted:
                self._check(one, one.arguments[0])
            self._computed[scope] = [source.folded(wanted, beside, scope, self._selects) for source in self._sources]
        found = self._computed[scope]
        return _merged([one[call] for one in found], scope) if all(call in one for one in found) else None

    def _points(self, call: Call, field: Expression, scope: Scope, beside: Sequence[Name] = ()) -> Stream:
        assert isinstance(field, Name)
        self._check(call, field)
        return self._read(field, beside, scope)

    def _check(self, call: Call, field: Expression) -> None:
        for source in self._sources:
            if isinstance(field, Name):
                source.check(call, field.name)

    def _read(self, field: Name | None, beside: Sequence[Name], scope: Scope) -> Stream:
        return _merged([source.read(field, beside, scope) for source in self._sources], scope)


def _inner(call: Call, scope: Scope) -> Iterator[tuple[Call, Scope]]:
    """The function that a source may compute, and the scope in which it is asked for."""
    inner = call.arguments[0]
    if call.name in STEPS and isinstance(inner, Call):
        yield from _inner(inner, _before(call, scope))
    elif aggregates.computes(call):
        yield call, scope


def _before(call: Call, scope: Scope) -> Scope:
    """The scope of what a step steps over: one window more, so that the first one shown has one before it."""
    return scope if call.name == "cumulative_sum" else scope.wider()


def _each(stream: Stream, change: Callable[[list[Point]], Iterator[Point]]) -> Stream:
    changed = {group: list(change(points)) for group, points in stream.items()}
    return {group: points for group, points in changed.items() if points}


def _timed(points: Iterator[Point], scope: Scope, own: bool) -> Iterator[Point]:
    """Points at the beginning of their windows, or of the whole range; at their own time where that is shown."""
    if own:
        return points
    start = scope.windows.start if scope.windows else lambda time: scope.start
    return (point._replace(time=start(point.time)) for point in points)


def _merged(streams: Sequence[Stream], scope: Scope) -> Stream:
    """Those of several sources; points of one group in the order of time."""
    merged: Stream = {}
    for stream in streams:
        for group, points in stream.items():
            if group in merged:
                points = sorted([*merged[group], *points], key=lambda point: point.time, reverse=scope.descending)
            merged[group] = points
    return merged


def _put(values: list[Any], place: int | None, value: Any, missing: Any) -> None:
    if place is None:
        return
    if value is not None:
        values[place] = value
    elif missing is not KEEP:
        values[place] = missing
