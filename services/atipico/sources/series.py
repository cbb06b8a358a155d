"""A seasonal series with spikes, drops, level shifts and drifts at known places."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.ports import Batch, Label, Position

SHAPES = ("spike", "drop", "shift", "drift")


class Anomaly(NamedTuple):
    """One anomaly: its shape, the index of its first sample, how many samples, how far it goes in the value's unit."""

    shape: str
    start: int
    length: int
    size: float


class Series:
    """One series: value_i = level + amplitude * (sin(x) + sin(7 x) / 4) + noise * N(0, 1) + a_i, x = 2 pi i / period.

    a_i is 0 but for one anomaly in each stretch of `every` samples (none in the first, which is there
    to learn from): a spike (1..3 samples, 2 to 3 amplitudes up), a drop (10..40, as far down), a level
    shift (8 to 15 % of the stretch, 1 to 2 amplitudes either way), or a drift (15 to 25 %, growing evenly to 2 to 3
    amplitudes either way), each shape in a quarter of the stretches. period, every and label_delay are in samples.

    Fields value and sample_id (the index i); tag series = name. A label is due `label_delay` samples after its
    sample: 1 within an anomaly, else 0. The position is {"index"} of the next sample. Ends after `samples`, or never.
    """

    live = False

    def __init__(
        self,
        seed: int = 1,
        name: str = "series-1",
        level: float = 20.0,
        amplitude: float = 5.0,
        noise: float = 0.5,
        period: int = 600,
        every: int = 2000,
        label_delay: int = 0,
        samples: int | None = None,
    ) -> None:
        if seed < 0 or period < 2 or every < 100 or label_delay < 0:
            raise Refused(
                f"series {name}: seed {seed}, period {period}, every {every}, label_delay {label_delay} samples; "
                "needed are 0, 2, 100 and 0 or more"
            )
        self._seed, self._tags = seed, {"series": name}
        self._level, self._amplitude, self._noise, self._period = level, amplitude, noise, period
        self._every, self._delay, self._samples = every, label_delay, samples
        self._cached = lru_cache(maxsize=4)(self._make)

    def read(self, position: Position, most: int) -> Batch:
        start = position.get("index", 0)
        stop = start + most if self._samples is None else min(start + most, self._samples)
        if stop <= start:
            return Batch([], [], dict(position))
        values = self._span(start, stop, 0)
        rows = [(self._tags, {"sample_id": i, "value": v}) for i, v in zip(range(start, stop), values, strict=True)]
        since, due = max(0, start - self._delay), max(0, stop - self._delay)
        labels = [Label(i, int(truth)) for i, truth in zip(range(since, due), self._span(since, due, 1), strict=True)]
        return Batch(rows, labels, {"index": stop})

    def anomaly(self, stretch: int) -> Anomaly | None:
        """The anomaly of the samples stretch * every and on, None in the first stretch."""
        if stretch == 0:
            return None
        rng = self._rng(stretch, 1)
        shape = SHAPES[rng.integers(4)]
        share = {"shift": (0.08, 0.15), "drift": (0.15, 0.25)}.get(shape)
        length = (
            int(rng.uniform(*share) * self._every) if share else int(rng.integers(*((1, 4), (10, 41))[shape == "drop"]))
        )
        size = self._amplitude * rng.uniform(*((2, 3), (1, 2))[shape == "shift"])
        down = shape == "drop" or (shape in ("shift", "drift") and rng.random() < 0.5)
        start = stretch * self._every + int(rng.integers(self._every - length))
        return Anomaly(shape, start, length, float(-size if down else size))

    def _span(self, start: int, stop: int, which: int) -> list[float]:
        """Values (which 0) or truths (1) of the samples start..stop - 1."""
        found: list[float] = []
        for stretch in range(start // self._every, (stop - 1) // self._every + 1):
            first = stretch * self._every
            found += self._cached(stretch)[which][max(0, start - first) : stop - first].tolist()
        return found if stop > start else []

    def _make(self, stretch: int) -> tuple[np.ndarray, np.ndarray]:
        i = stretch * self._every + np.arange(self._every)
        turn = 2 * np.pi * (i % self._period) / self._period
        value = self._level + self._amplitude * (np.sin(turn) + np.sin(7 * turn) / 4)
        value += self._noise * self._rng(stretch, 0).standard_normal(self._every)
        truth = np.zeros(self._every, dtype=np.int8)
        if anomaly := self.anomaly(stretch):
            at = slice(anomaly.start - i[0], anomaly.start - i[0] + anomaly.length)
            ramp = np.arange(1, anomaly.length + 1) / anomaly.length if anomaly.shape == "drift" else 1.0
            value[at] += anomaly.size * ramp
            truth[at] = 1
        return value, truth

    def _rng(self, stretch: int, kind: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence((self._seed, stretch, kind)))
