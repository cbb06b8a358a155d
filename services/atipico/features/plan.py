"""A job's features over blocks of samples: what is remembered by key, and one row of numbers a sample."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np

from atipico.errors import Refused
from atipico.features import FEATURES
from atipico.features.history import History
from atipico.features.spec import VALUE, FeatureSpec
from atipico.metrics import FORGOTTEN_KEYS
from atipico.ports import Past
from atipico.wire.sample import Value

MOST_KEYS = 1_000_000  # of one field and `by`; beyond it those that slept longest are forgotten
MOST_VALUE = 1e100  # either way: the squares of a full window stay finite, as one that is not would spoil its key
_FORM = 3  # of what `save` gives; another one is refused like other features

Columns = Mapping[str, Sequence[Value | None]]


class Rows(NamedTuple):
    """values: float64 (m, k), a row a sample, NaN where refused. refused: row -> why."""

    values: np.ndarray
    refused: dict[int, str]


class _Histories:
    """The histories of one field by one key, and the features that look at their windows."""

    def __init__(self, field: str, by: str, specs: Sequence[tuple[int, FeatureSpec]]) -> None:
        self.field, self.by = field, by
        self.overs = list(dict.fromkeys(spec.over for _, spec in specs))
        self.columns = [(at, FEATURES[spec.kind], self.overs.index(spec.over)) for at, spec in specs]
        self.of: dict[Value, History] = {}

    def fill(
        self,
        matrix: np.ndarray,
        good: Sequence[int],
        clock: Sequence[int],
        ids: Sequence[int],
        series: Sequence[int],
        keys: Sequence[Value],
        values: Sequence[float],
    ) -> None:
        """Take the `good` samples of a block in, in their order, and write this field's columns of the matrix."""
        out: list[float] = []
        of, overs = self.of, self.overs
        for at in good:
            key = keys[at]
            history = of.get(key)
            if history is None:
                history = of[key] = History(overs)
            history.push(clock[at], ids[at], series[at], values[at], out)
        self._bound()
        seen = np.array(out, dtype=np.float64).reshape(len(good), len(overs), 3)
        newest = np.array([values[at] for at in good], dtype=np.float64)
        pasts = [_past(seen[:, number]) for number in range(len(overs))]
        for column, feature, number in self.columns:
            matrix[good, column] = feature(newest, pasts[number])

    def _bound(self) -> None:
        if len(self.of) <= MOST_KEYS:
            return
        asleep = sorted(self.of, key=lambda key: self.of[key].times[-1])[: MOST_KEYS // 10]
        for key in asleep:
            del self.of[key]
        FORGOTTEN_KEYS.inc(len(asleep))


def _past(seen: np.ndarray) -> Past:
    count, mean, squares = seen.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(count > 1, np.sqrt(np.maximum(squares, 0.0) / (count - 1)), np.nan)
    return Past(count, np.where(count > 0, mean, np.nan), spread)


class Plan:
    """The features of a job. One instance serves one job, its calls never overlap.

    clock: the field (int, ns) that windows run on, or "" for the sample's own time.
    """

    def __init__(self, specs: Sequence[FeatureSpec], clock: str = "") -> None:
        self.columns = tuple(spec.name for spec in specs)
        self.clock = clock
        self.numbers = tuple(dict.fromkeys(spec.field for spec in specs))
        self.keys = tuple(dict.fromkeys(spec.by for spec in specs if spec.by))
        self.needs = tuple(dict.fromkeys((*self.numbers, *self.keys, *([clock] if clock else []))))
        self._values = [(at, spec.field) for at, spec in enumerate(specs) if spec.kind == VALUE]
        windowed: dict[tuple[str, str], list[tuple[int, FeatureSpec]]] = {}
        for at, spec in enumerate(specs):
            if spec.kind != VALUE:
                windowed.setdefault((spec.field, spec.by), []).append((at, spec))
        self._histories = [_Histories(field, by, of) for (field, by), of in windowed.items()]
        shape = [_FORM, clock, *(list(spec) for spec in specs)]
        self.shape = hashlib.sha256(msgspec.json.encode(shape)).hexdigest()[:16]

    def rows(self, times: Sequence[int], groups: Sequence[str], columns: Columns) -> Rows:
        """The features of a block of samples, in their order; the block then belongs to the past.

        times: ns. groups: each sample's series. columns: for each field in `needs` one value a
        sample, None where it has none. A sample that lacks a field or whose number is not finite
        is refused, enters no window and costs its neighbours nothing.
        """
        m = len(times)
        refused = self._refusals(columns, m)
        good = [at for at in range(m) if at not in refused] if refused else range(m)
        matrix = np.full((m, len(self.columns)), np.nan)
        clock: Sequence[Any] = columns[self.clock] if self.clock else times
        for at, field in self._values:
            matrix[good, at] = [columns[field][row] for row in good]
        numbers = {group: crc32(group.encode()) for group in set(groups)}
        series = [numbers[group] for group in groups]
        for histories in self._histories:
            keys: Sequence[Any] = columns[histories.by] if histories.by else groups
            values: Sequence[Any] = columns[histories.field]
            histories.fill(matrix, good, clock, times, series, keys, values)
        return Rows(matrix, refused)

    def _refusals(self, columns: Columns, m: int) -> dict[int, str]:
        why: dict[int, str] = {}
        for field in self.numbers:
            values = columns[field]
            if not _all_finite(values):
                why |= {at: _not_a_number(field, values[at]) for at in range(m) if not _finite(values[at])}
        for field in self.keys:
            if None in columns[field]:
                why |= {
                    at: f"field {field} is missing; a feature is kept by it"
                    for at in range(m)
                    if columns[field][at] is None
                }
        if self.clock and set(map(type, columns[self.clock])) - {int}:
            why |= {
                at: f"field {self.clock} is {_shown(value)}; the job's clock needs an integer, ns since 1970"
                for at, value in enumerate(columns[self.clock])
                if type(value) is not int
            }
        return why

    def save(self) -> bytes:
        """All that is remembered, as bytes that `restore` takes back exactly."""
        kept = [[[key, history.save()] for key, history in h.of.items()] for h in self._histories]
        return msgspec.msgpack.encode([self.shape, kept])

    def restore(self, saved: bytes) -> None:
        """Go back to what was saved. Raises Refused, changing nothing, when it is of other features."""
        try:
            shape, kept = msgspec.msgpack.decode(saved)
        except (msgspec.DecodeError, ValueError) as error:
            raise Refused(f"checkpoint of {len(saved)} bytes can't be read: {error}") from error
        if shape != self.shape:
            raise Refused(f"checkpoint is of features {shape}, the job now has {self.shape}")
        try:
            taken = [
                {key: History.restore(histories.overs, history) for key, history in stored}
                for histories, stored in zip(self._histories, kept, strict=True)
            ]
        except (TypeError, ValueError) as error:
            raise Refused(f"checkpoint of {len(saved)} bytes can't be read: {error}") from error
        for histories, of in zip(self._histories, taken, strict=True):
            histories.of = of

    def forget(self) -> None:
        """Start from nothing."""
        for histories in self._histories:
            histories.of = {}


def _finite(value: Value | None) -> bool:
    return isinstance(value, int | float) and abs(value) <= MOST_VALUE  # which no NaN is


def _all_finite(values: Sequence[Value | None]) -> bool:
    if set(map(type, values)) - {float, int, bool}:
        return False
    return bool((np.abs(np.array(values, dtype=np.float64)) <= MOST_VALUE).all())


def _not_a_number(field: str, value: Value | None) -> str:
    if value is None:
        return f"field {field} is missing"
    return f"field {field} is {_shown(value)}; a feature needs a finite number, at most {MOST_VALUE:g} either way"


def _shown(value: Value | None) -> str:
    return "missing" if value is None else f"{value!r:.40}"
