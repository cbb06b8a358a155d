"""The last values of each key, laid out as the windows that detectors look at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from atipico.metrics import FORGOTTEN_KEYS
from atipico.wire.sample import Value
from atipico.wire.window import Window

MOST_VALUES = 10_000_000  # of one field, over all keys; beyond it the keys that slept longest are forgotten
REPEAT = -1


class Windows:
    """One field by key, in the order of (clock, id, series). id: a sample's own time, ns; series: a number for its own.

    Of each key the last 2 to 3 windows are kept, so that one who comes late finds what came before it. The same
    three again are a repeat: its value takes the old one's place.
    """

    def __init__(self, over: int) -> None:
        self._over, self._of = over, dict[Value, Window]()
        self._most_keys = max(1, MOST_VALUES // (3 * over))

    def push(self, key: Value, time: int, id: int, series: int, value: float, row: np.ndarray) -> int:
        """Take a sample in, and write the values up to its own at the end of `row`.

        Returns how many later ones its key has already; REPEAT when it has this one.
        """
        window = self._of.get(key)
        if window is None:
            self._make_room()
            window = self._of[key] = Window.empty()
        times, ids, numbers, values = window
        new, at = True, len(times)
        if at and (time, id, series) <= (times[-1], ids[-1], numbers[-1]):
            at, end = bisect_left(times, time), bisect_right(times, time)
            while at < end and (ids[at], numbers[at]) < (id, series):
                at += 1
            new = at == end or (ids[at], numbers[at]) != (id, series)
        if new:
            times.insert(at, time)
            ids.insert(at, id)
            numbers.insert(at, series)
            values.insert(at, value)
        else:
            values[at] = value
        later = len(times) - 1 - at
        seen = values[max(0, at + 1 - self._over) : at + 1]
        row[len(row) - len(seen) :] = seen
        if len(times) >= 3 * self._over:
            for column in window:
                del column[: self._over]
        return later if new else REPEAT

    def save(self) -> list[Any]:
        """Plain values that `restore` makes the very same windows of."""
        return [[key, window.to_bytes()] for key, window in self._of.items()]

    @classmethod
    def restored(cls, over: int, saved: Sequence[Any]) -> Windows:
        """The windows that `save` told of. Raises TypeError or ValueError when it told of none."""
        windows = cls(over)
        windows._of = {key: Window.from_bytes(pieces) for key, pieces in saved}
        return windows

    def _make_room(self) -> None:
        if len(self._of) < self._most_keys:
            return
        asleep = sorted(self._of, key=lambda key: self._of[key].times[-1])[: 1 + self._most_keys // 10]
        for key in asleep:
            del self._of[key]
        FORGOTTEN_KEYS.inc(len(asleep))
