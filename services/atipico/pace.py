"""How often samples are due, and the gaps where none came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from atipico.config import nanoseconds
from atipico.errors import Refused, nearest
from atipico.metrics import FORGOTTEN_KEYS, GAPS
from atipico.wire.sample import Value

MOST_KEYS = 1_000_000  # beyond it those that came longest ago are forgotten


class Every(NamedTuple):
    """A sample each `time` ns on the job's clock, of each value of the field `by`; "": of each series."""

    time: int
    by: str = ""


def parse_every(given: Any) -> Every:
    """The setting `every` of a job: "10s", or { time = "10s", by = "pump" }. Raises Refused with what was needed."""
    table = {"time": given} if isinstance(given, str) else given
    whole = isinstance(table, Mapping) and all(isinstance(value, str) and value for value in table.values())
    if whole and (unknown := [word for word in table if word not in Every._fields]):
        raise Refused(f"every has no setting {unknown[0]!r}{nearest(unknown[0], Every._fields)}")
    if not whole or "time" not in table:
        raise Refused(f'every = {given!r}: needed a duration such as "10s", or {{ time = "10s", by = "FIELD" }}')
    time = nanoseconds(table["time"])
    if time < 1:
        raise Refused(f"every = {given!r}: needed a duration above 0")
    return Every(time, table.get("by", ""))


class Pace:
    """Counts the gaps in a job's samples: more than one and a half times `every` from one of a key to its next.

    A gap is counted when the sample behind it comes, once, also when the job goes back and gets that sample again; it
    stays counted when late samples fill it. So the count depends on the samples and their order, and on nothing else.
    """

    def __init__(self, every: Every, stream: str) -> None:
        """stream: what the count is shown by."""
        self.every, self._count = every, GAPS.labels(stream)
        self._last: dict[Value, int] = {}  # the furthest clock of each key, ns
        self._counted: dict[Value, int] = {}  # the same since the process began, whatever is gone back to

    def take(self, keys: Iterable[Value | None], clock: Iterable[int]) -> None:
        """Samples as they came; one without a key is due nowhere. clock: ns."""
        last, counted, most = self._last, self._counted, self.every.time * 3 // 2
        for key, at in zip(keys, clock, strict=True):
            if key is None or key != key:  # no NaN is the key of another sample
                continue
            before = last.get(key, at)
            if at - before > most and at > counted.get(key, before):
                self._count.inc()
            last[key] = max(before, at)
            counted[key] = max(counted.get(key, at), at)
        if len(last) > MOST_KEYS:
            FORGOTTEN_KEYS.inc(_forget(last))
        if len(counted) > MOST_KEYS:
            _forget(counted)

    def save(self) -> list[Any]:
        """Plain values that `clocks_of` reads."""
        return [list(self._last), list(self._last.values())]

    def restore(self, last: Mapping[Value, int]) -> None:
        """Go back to these furthest clocks."""
        self._last = dict(last)


def clocks_of(saved: Sequence[Any]) -> dict[Value, int]:
    """The furthest clock of each key that a `Pace` saved; none where none did. Raises ValueError or TypeError for what
    it can't have saved."""
    keys, clock = saved or ([], [])
    return dict(zip(keys, map(int, clock), strict=True))


def _forget(known: dict[Value, int]) -> int:
    """Drop a tenth of the keys, those that came longest ago."""
    gone = [key for key, _ in islice(sorted(known.items(), key=lambda one: one[1]), len(known) // 10)]
    for key in gone:
        del known[key]
    return len(gone)
