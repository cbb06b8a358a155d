"""A job's detector over blocks of samples: one outcome each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from atipico.detectors.field import Field, Seen
from atipico.detectors.spec import DetectorSpec
from atipico.errors import Refused
from atipico.pace import Pace, clocks_of
from atipico.ports import Judged
from atipico.wire.points import series_of
from atipico.wire.sample import Score, Value

MOST_VALUE = 1e100  # either way: the squares of a full window stay finite
_TOLD = 3  # fields in a reason
_FORM = 2  # of what `save` gives

_LONG_AGO = -(2**62)  # ns; before the first sample

Columns = Mapping[str, Sequence[Value | None]]


class Watch:
    """What a job with a detector knows. One instance serves one job, its calls never overlap.

    clock: the field (int, ns) that windows run on, or "" for the sample's own time. With several fields a sample's
    score is the largest of their k shares to the power of k: of samples that are usual in all of them, the share whose
    strangest field is less strange (Z. Sidak, JASA 62, 1967), exact for independent fields, low for others.
    pace: what counts the gaps between samples that enter a window.
    """

    def __init__(self, spec: DetectorSpec, clock: str = "", pace: Pace | None = None) -> None:
        self._spec, self._clock, self._pace = spec, clock, pace
        others = (spec.by, clock, pace.every.by if pace else "")
        self.needs = tuple(dict.fromkeys((*spec.fields, *filter(None, others))))
        self.shape = f"{spec.version} form {_FORM} clock {clock}"
        self._fields = [Field(spec, name) for name in spec.fields]
        self.now = _LONG_AGO  # the furthest clock, ns

    def judge(self, times: Sequence[int], groups: Sequence[str], columns: Columns) -> Judged:
        """The outcome of each sample of a block, in their order; the block then belongs to the past.

        times: ns. groups: each sample's series. columns: for each field in `needs` one value a sample, None where
        it has none. A sample that lacks a field or whose number is not finite is unscored and enters no window.
        """
        spec, clock = self._spec, columns[self._clock] if self._clock else times
        keys = columns[spec.by] if spec.by else groups
        told = [self._refusal(columns, at) for at in range(len(times))]
        good = [at for at, why in enumerate(told) if not why]
        numbers = {group: series_of(group) for group in set(groups)}
        places: list[Any] = [(clock[at], times[at], numbers[groups[at]]) for at in good]
        kept: list[Any] = [keys[at] for at in good]
        values: list[list[Any]] = [[columns[name][at] for at in good] for name in spec.fields]
        seen = [field.look(kept, places, of) for field, of in zip(self._fields, values, strict=True)]
        if self._pace:
            due = columns[self._pace.every.by] if self._pace.every.by else groups
            self._pace.take([due[at] for at in good], [place[0] for place in places])
        scored = dict(zip(good, self._scores(seen), strict=True))
        scores = [scored[at] if at in scored else self._unscored(why) for at, why in enumerate(told)]
        return Judged(scores, self._late(good, [place[0] for place in places], seen))

    def _late(self, good: Sequence[int], clock: Sequence[int], seen: Sequence[Seen]) -> dict[int, int]:
        """Which of the good samples came late, and how far behind the furthest clock, ns."""
        late: dict[int, int] = {}
        for at, own, came in zip(good, clock, seen[0].late.tolist(), strict=True):
            self.now = max(self.now, own)
            if came:
                late[at] = self.now - own
        return late

    def save(self) -> bytes:
        """All that is remembered, as bytes that `restore` takes back exactly."""
        pace = [self._pace.save()] if self._pace else []
        return msgspec.msgpack.encode([self.shape, self.now, [field.save() for field in self._fields], *pace])

    def restore(self, saved: bytes) -> None:
        """Go back to what was saved. Raises Refused, changing nothing, when it is another detector's."""
        try:
            shape, *rest = msgspec.msgpack.decode(saved)
            if shape != self.shape:
                raise Refused(f"checkpoint is of {shape}, the job now has {self.shape}")
            now, kept, *pace = rest
            named = zip(self._spec.fields, kept, strict=True)
            fields = [Field.restored(self._spec, name, field) for name, field in named]
            last = clocks_of(pace[0] if pace else [])
            self._fields, self.now = fields, int(now)
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            raise Refused(f"checkpoint of {len(saved)} bytes can't be read: {error}") from error
        if self._pace:
            self._pace.restore(last)

    def forget(self) -> None:
        """Start from nothing."""
        self.now = _LONG_AGO
        self._fields = [Field(self._spec, name) for name in self._spec.fields]
        if self._pace:
            self._pace.restore({})

    def _scores(self, seen: Sequence[Seen]) -> list[Score]:
        shares = np.stack([one.shares for one in seen], axis=1)
        known = np.isfinite(seen[0].windows).sum(axis=1)
        spec, needs = self._spec, self._fields[0].needs
        scores, told = shares.max(axis=1) ** len(seen), []
        for row, (score, count) in enumerate(zip(scores.tolist(), known.tolist(), strict=True)):
            if math.isnan(score):
                told.append(self._unscored(self._failure(seen, row)))
                continue
            anomalous = score >= spec.threshold
            why = self._why(seen, shares[row], row) if anomalous else ""
            if count < needs:
                why = f"{count} of {needs} samples known"
            told.append(Score(score, spec.threshold, anomalous, spec.version, True, why))
        return told

    def _why(self, seen: Sequence[Seen], shares: np.ndarray, row: int) -> str:
        """The strangest fields, each with its value and where nine of ten of the earlier ones were."""
        order = np.argsort(-shares, kind="stable")[:_TOLD]
        parts = []
        for at in [at for at in order if shares[at] >= self._spec.threshold] or order[:1]:
            window = seen[at].windows[row]
            low, high = np.nanquantile(window[:-1], (0.05, 0.95))
            parts.append(f"{self._spec.fields[at]}={window[-1]:.4g} (usual {low:.4g} to {high:.4g})")
        return ", ".join(parts)

    def _failure(self, seen: Sequence[Seen], row: int) -> str:
        at, why = next((at, one.failed[row]) for at, one in enumerate(seen) if row in one.failed)
        return f"detector {self._spec.kind} failed on field {self._spec.fields[at]}: {why}"

    def _refusal(self, columns: Columns, at: int) -> str:
        for name in self._spec.fields:
            value = columns[name][at]
            if value is None:
                return f"field {name} is missing"
            if not isinstance(value, int | float) or not abs(value) <= MOST_VALUE:  # which no NaN is
                most = f"at most {MOST_VALUE:g} either way"
                return f"field {name} is {value!r:.40}; a detector needs a finite number, {most}"
        if self._spec.by and columns[self._spec.by][at] is None:
            return f"field {self._spec.by} is missing; windows are kept by it"
        if self._clock and type(columns[self._clock][at]) is not int:
            shown = columns[self._clock][at]
            return f"field {self._clock} is {shown!r:.40}; the job's clock needs an integer, ns since 1970"
        return ""

    def _unscored(self, why: str) -> Score:
        return Score.refused(why, self._spec.threshold, self._spec.version)
