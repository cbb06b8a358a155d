"""The points of a batch task as a stream would bring them: whole, in the order of time, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError

from atipico.wire.udf_pb2 import BeginBatch, EndBatch, Point

_MOST_WHOLE = 2.0**63
_LONG_AGO = -(2**63)


class _Came(NamedTuple):
    """A point; digest: of all it says. It sorts by time, then group."""

    time: int
    group: str
    digest: int
    data: bytes


class Batches:
    """Gathers what each run of a task's query gives, group by group, until the run is over.

    Kapacitor sends the groups one after the other, each from its oldest point on; only the end of a group tells which
    run it is of. A run that looks back further than to the one before brings the same points again, also such as
    windows have forgotten: what comes just as it came in the run before is left out, its outcome stands; what changed
    goes on, as a repeat that replaces. Where the run before is not known, what its job remembers of each group is.
    """

    def __init__(self) -> None:
        self.reached: Callable[[], Mapping[str, int]] = dict  # by group the time, ns, of the newest that is remembered
        self._whole, self._spoiled = False, True  # whether the run before is known, and whether this one is not
        self._head = b""
        self._group: list[_Came] = []
        self._run: list[_Came] = []
        self._until = 0  # which run that is: where the time it asks for ends, ns
        self._now: dict[tuple[str, int], int] = {}  # what came in this run, and in the one before
        self._before: dict[tuple[str, int], int] = {}

    def begin(self, begin: BeginBatch) -> None:
        """A group begins; its points may lack what this says."""
        head = Point(name=begin.name, group=begin.group, dimensions=sorted(begin.tags), tags=begin.tags)
        self._head, self._group = head.SerializeToString(), []

    def point(self, data: bytes) -> None:
        self._group.append(_whole(self._head + data))

    def end(self, end: EndBatch) -> list[bytes]:
        """The group is complete. Returns the run before, when this group is the first of another."""
        over: list[bytes] = []
        if end.tmax != self._until:
            over, self._until = self.over(), end.tmax
            self._before, self._now = self._now, {}
            self._whole, self._spoiled = not self._spoiled, False
        self._run += self._group
        self._group = []
        return over

    def over(self) -> list[bytes]:
        """What there is of the run, when nothing more comes for a while."""
        fresh: list[bytes] = []
        reached = {} if self._whole else self.reached()
        for time, group, digest, data in sorted(self._run):
            key = (group, time)
            if digest != self._before.get(key) and time > reached.get(group, _LONG_AGO):
                fresh.append(data)
            self._now[key] = digest
        self._run = []
        return fresh

    def forget(self) -> None:
        """What came was not worked on: let it come again."""
        self._now, self._before, self._whole, self._spoiled = {}, {}, False, True


def _whole(data: bytes) -> _Came:
    """A point with whole numbers as such: Kapacitor has them from JSON, where all numbers are floats."""
    try:
        point = Point.FromString(data)
    except DecodeError:  # whoever works on it says so
        return _Came(0, "", hash(data), data)
    whole = {name: int(value) for name, value in point.fieldsDouble.items() if _is_whole(value)}
    for name, value in whole.items():
        del point.fieldsDouble[name]
        point.fieldsInt[name] = value
    data = point.SerializeToString(deterministic=True)
    return _Came(point.time, point.group, hash(data), data)


def _is_whole(value: float) -> bool:
    return value.is_integer() and -_MOST_WHOLE <= value < _MOST_WHOLE
