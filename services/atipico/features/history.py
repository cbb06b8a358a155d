"""What is remembered of one key: its recent values, and running sums over each window of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from atipico.features.spec import Over
from atipico.wire.window import Window

MOST_SAMPLES = 10_000  # of one key; a longer window holds the last so many
_WORN = 1e-5  # sums that shrank to this share of their peak have lost digits and are made anew
_SLACK = 64  # how many samples come in between two looks at what may be forgotten


class _Window:
    """Running sums over `times[start:]` of a history, shifted by `origin` so that few digits are lost."""

    __slots__ = ("origin", "peak", "s1", "s2", "samples", "span", "start")

    def __init__(self, over: Over) -> None:
        self.samples, self.span = over.samples or MOST_SAMPLES, over.span
        self.start, self.origin, self.s1, self.s2, self.peak = 0, 0.0, 0.0, 0.0, 0.0

    def rebuild(self, values: Sequence[float]) -> None:
        """Make the sums anew from the window's values."""
        same = not values or min(values) == max(values)  # a mean of equal values may differ from them by a bit
        self.origin = (values[0] if values else 0.0) if same else sum(values) / len(values)
        shifted = [x - self.origin for x in values]
        self.s1, self.s2 = sum(shifted), sum(d * d for d in shifted)
        self.peak = self.s2


class History:
    """The recent samples of one key in the order of (clock, id, series), and what each window held before each.

    id: the sample's own time in ns. series: a number for its series, which others may share the key and the
    very ns with. The same three again are a repeat: it replaces the value and is told what it was told
    before, as long as what came before it is still remembered.
    """

    __slots__ = ("ids", "kept", "series", "times", "values", "windows")

    def __init__(self, overs: Sequence[Over], kept: Window | None = None) -> None:
        self.kept = kept or Window.empty()
        self.times, self.ids, self.series, self.values = self.kept
        self.windows = [_Window(over) for over in overs]

    def push(self, time: int, id: int, series: int, value: float, out: list[float]) -> None:
        """Take a sample in. Appends count, mean and sum of squared deviations of each window before it to `out`."""
        times = self.times
        if times and time <= times[-1] and (time, id, series) <= (times[-1], self.ids[-1], self.series[-1]):
            self._push_late(time, id, series, value, out)
            return
        values, end = self.values, len(times)
        for window in self.windows:
            start, edge = window.start, time - window.span if window.span else None
            least = end - window.samples + 1
            while start < end and (start < least or (edge is not None and times[start] <= edge)):
                shifted = values[start] - window.origin
                window.s1 -= shifted
                window.s2 -= shifted * shifted
                start += 1
            window.start = start
            count = end - start
            if count:
                squares = window.s2 - window.s1 * window.s1 / count
                if squares < _WORN * window.peak:
                    window.rebuild(values[start:])
                    squares = window.s2 - window.s1 * window.s1 / count
                out += (count, window.origin + window.s1 / count, squares)
                shifted = value - window.origin
                window.s1 += shifted
                window.s2 += shifted * shifted
                if window.s2 > window.peak:
                    window.peak = window.s2
            else:
                out += (0, 0.0, 0.0)
                window.origin, window.s1, window.s2, window.peak = value, 0.0, 0.0, 0.0
        times.append(time)
        self.ids.append(id)
        self.series.append(series)
        values.append(value)
        if len(times) % _SLACK == 0:
            self._forget()

    def _push_late(self, time: int, id: int, series: int, value: float, out: list[float]) -> None:
        """A sample that is not the newest: put it where it belongs and look back from there."""
        end = bisect_right(self.times, time)
        at = bisect_left(self.times, time)
        while at < end and (self.ids[at], self.series[at]) < (id, series):
            at += 1
        repeat = at < end and (self.ids[at], self.series[at]) == (id, series)
        if repeat:
            self.values[at] = value
        else:
            self.times.insert(at, time)
            self.ids.insert(at, id)
            self.series.insert(at, series)
            self.values.insert(at, value)
        for window in self.windows:
            first = max(0, at - window.samples + 1)
            if window.span:
                first = max(first, bisect_left(self.times, time - window.span + 1))
            before = _Window(Over(window.samples))
            before.rebuild(self.values[first:at])
            out += (at - first, before.origin, before.s2)
            if at >= window.start:
                window.start = max(window.start, len(self.times) - window.samples)
                window.rebuild(self.values[window.start :])
            elif not repeat:
                window.start += 1
        if len(self.times) >= 2 * MOST_SAMPLES:
            self._cut(min(MOST_SAMPLES, *(window.start for window in self.windows)))

    def _forget(self) -> None:
        """Cut what no window reaches any more, once that is as much as what is kept."""
        dead = min(window.start for window in self.windows)
        if dead >= len(self.times) // 2:
            self._cut(dead)

    def _cut(self, dead: int) -> None:
        for column in self.kept:
            del column[:dead]
        for window in self.windows:
            window.start -= dead

    def save(self) -> list[Any]:
        """Plain values that `restore` makes the very same history of."""
        sums = [[w.start, w.origin, w.s1, w.s2, w.peak] for w in self.windows]
        return [self.kept.to_bytes(), sums]

    @classmethod
    def restore(cls, overs: Sequence[Over], saved: list[Any]) -> History:
        """The history that `save` told of."""
        kept, sums = saved
        history = cls(overs, Window.from_bytes(kept))
        for window, (start, origin, s1, s2, peak) in zip(history.windows, sums, strict=True):
            window.start, window.origin, window.s1, window.s2, window.peak = start, origin, s1, s2, peak
        return history
