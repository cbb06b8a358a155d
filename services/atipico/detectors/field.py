"""One field under watch: its windows by key, its detector, and what waits to be learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.detectors import make
from atipico.detectors.spec import DetectorSpec
from atipico.detectors.windows import REPEAT, Windows
from atipico.ports import LEARNED_AT_ONCE, Learner
from atipico.wire.sample import Value


class Seen(NamedTuple):
    """windows: float64 (m, over), NaN before a key's first value. shares: (m,), NaN where the detector failed: why.

    late: bool (m,), whether the key has later ones already.
    """

    windows: np.ndarray
    shares: np.ndarray
    failed: dict[int, str]
    late: np.ndarray


class Field:
    """Looks at the values of one field, sample by sample in their order, however they come in blocks."""

    def __init__(self, spec: DetectorSpec, name: str) -> None:
        self.name, self._over = name, spec.over
        self._windows, self._detector = Windows(spec.over), make(spec.kind, **dict(spec.settings))
        self._waiting = np.empty((0, spec.over))  # fewer than LEARNED_AT_ONCE

    @property
    def needs(self) -> int:
        """How many values a window must have; the share of one with fewer is 0."""
        return self._detector.needs

    def look(self, keys: Sequence[Value], places: Sequence[tuple[int, int, int]], values: Sequence[float]) -> Seen:
        """Take samples in. places: where each belongs in its key's order: (clock, id, series)."""
        m, push = len(keys), self._windows.push
        windows, shares, failed = np.full((m, self._over), np.nan), np.zeros(m), dict[int, str]()
        seen = zip(keys, places, values, windows, strict=True)
        later = np.array([push(key, *place, value, row) for key, place, value, row in seen], dtype=np.int64)
        new, start = later != REPEAT, 0
        with np.errstate(all="ignore"):  # what is no share is found below; numpy's words would stand in the log
            while start < m:
                end = self._until_learned(new, start)
                self._score(windows, shares, failed, start, end)
                self._learn(windows[start:end][new[start:end]])
                start = end
        return Seen(windows, shares, failed, later > 0)

    def _until_learned(self, new: np.ndarray, start: int) -> int:
        """Behind the sample with which enough wait to be learned; a repeat was learned already."""
        if not isinstance(self._detector, Learner):
            return len(new)
        fills = np.flatnonzero(np.cumsum(new[start:]) == LEARNED_AT_ONCE - len(self._waiting))
        return start + int(fills[0]) + 1 if len(fills) else len(new)

    def _learn(self, windows: np.ndarray) -> None:
        if not isinstance(self._detector, Learner):
            return
        self._waiting = np.concatenate([self._waiting, windows])
        if len(self._waiting) == LEARNED_AT_ONCE:
            self._detector.learn(self._waiting)
            self._waiting = self._waiting[:0]

    def _score(self, windows: np.ndarray, shares: np.ndarray, failed: dict[int, str], start: int, end: int) -> None:
        rows = start + np.flatnonzero(np.isfinite(windows[start:end]).sum(axis=1) >= self.needs)
        if not len(rows):
            return
        try:
            shares[rows] = self._detector.score(windows[rows])
        except Exception as error:  # one's own detector may fail on a row: that one, not its neighbours
            if end - start > 1:
                middle = (start + end) // 2
                self._score(windows, shares, failed, start, middle)
                self._score(windows, shares, failed, middle, end)
                return
            shares[start], failed[start] = np.nan, f"{type(error).__name__}: {error}"
        for row in rows[~((shares[rows] >= 0.0) & (shares[rows] <= 1.0))].tolist():
            failed.setdefault(row, f"it told {shares[row]:g}, which is no share")
            shares[row] = np.nan

    def save(self) -> list[Any]:
        """Plain values that `restored` makes the very same field of."""
        learned = self._detector.save() if isinstance(self._detector, Learner) else b""
        return [self._windows.save(), learned, self._waiting.tobytes()]

    @classmethod
    def restored(cls, spec: DetectorSpec, name: str, saved: Sequence[Any]) -> Field:
        """The field that `save` told of. Raises TypeError, ValueError or a DecodeError when it told of none."""
        windows, learned, waiting = saved
        field = cls(spec, name)
        field._windows = Windows.restored(spec.over, windows)
        if isinstance(field._detector, Learner):
            field._detector.restore(learned)
        field._waiting = np.frombuffer(waiting).reshape(-1, spec.over)
        return field
