"""How fast a stream goes. Times are seconds of a clock that never goes back, passed in with each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from atipico.errors import Refused
from atipico.wire.sample import Value

MOST = 5000  # rows in a block
Rows = Sequence[tuple[Mapping[str, str], Mapping[str, Value]]]


class Pace(Protocol):
    """Asked in this order for each block: `most` until it is above 0 (`wait` tells for how long), then `due`.

    most: how many rows to read now, at most MOST. wait: seconds until most may be above 0. due:
    seconds until the rows that were read are to be written; 0 or less is at once.
    """

    def most(self, now: float) -> int: ...
    def wait(self, now: float) -> float: ...
    def due(self, rows: Rows, now: float) -> float: ...


class Rate:
    """So many samples a second, in blocks of what fell due in `tick_s`.

    A stream that was held up catches up at most `catch_up_s` of rows; the others come later, at the pace.
    """

    def __init__(self, rate: float, now: float, tick_s: float, catch_up_s: float) -> None:
        self._rate, self._then = rate, now
        self._block = max(1.0, rate * tick_s)
        self._bound = max(self._block, rate * catch_up_s)
        self._due = 0.0

    def most(self, now: float) -> int:
        self._go_on(now)
        if self._due < self._block:
            return 0
        rows = min(int(self._due), MOST)
        self._due -= rows
        return rows

    def wait(self, now: float) -> float:
        self._go_on(now)
        return max(0.0, self._block - self._due) / self._rate

    def due(self, rows: Rows, now: float) -> float:
        return 0.0

    def _go_on(self, now: float) -> None:
        self._due = min(self._bound, self._due + self._rate * (now - self._then))
        self._then = now


class Speed:
    """So many times as fast as the rows' own clock, `event_time`; infinitely so: without any wait.

    A block is written when its newest row is due, and grows or shrinks so that it spans about `tick_s`.
    A stream that was held up catches up at most `catch_up_s`; then the rest goes on later.
    """

    def __init__(self, speed: float, tick_s: float, catch_up_s: float) -> None:
        self._speed, self._tick_s, self._catch_up_s = speed, tick_s, catch_up_s
        self._most = 1
        self._start: float | None = None  # when the row of the first event_time was due
        self._first = self._last = 0

    def most(self, now: float) -> int:
        return self._most

    def wait(self, now: float) -> float:
        return 0.0

    def due(self, rows: Rows, now: float) -> float:
        times = [time for _, fields in rows if isinstance(time := fields.get("event_time"), int)]
        if self._start is None:
            if not times:
                raise Refused("speed needs rows with an `event_time`, and the first have none; set a rate instead")
            self._start, self._first, self._last = now, times[0], times[0]
        newest = max(times, default=self._last)
        span = (newest - self._last) / 1e9 / self._speed
        self._last = max(newest, self._last)
        # Rows that are due at once because the block is late, or that lie close together, may be more next time.
        self._most = max(1, self._most // 2) if span > self._tick_s else min(MOST, self._most * 2)
        wait = self._start + (newest - self._first) / 1e9 / self._speed - now
        if wait < -self._catch_up_s:
            self._start -= wait + self._catch_up_s
        return wait
