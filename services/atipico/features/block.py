"""A block of samples as the features take it in: columns of numbers, keys, and what is refused with its reason."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from atipico.features.keys import Key
from atipico.wire.points import series_of
from atipico.wire.sample import Value

MOST_VALUE = 1e100  # either way: the squares of a full window stay finite, as one that is not would spoil its key
MOST_CLOCK = 2**62  # ns since 1970 either way, the year 2116: spans can be added to it

Column = Sequence[Value | None] | np.ndarray
Columns = Mapping[str, Column]


class Labels(NamedTuple):
    """Labels as they came. ids: the samples they name. values: 1 an anomaly, 0 none.

    before: the row each came before, so that it never falls; the number of rows for one behind the last.
    """

    ids: Sequence[Value]
    values: Sequence[float]
    before: Sequence[int]


NO_LABELS = Labels((), (), ())


class Rows(NamedTuple):
    """values: float64 (m, k), a row a sample, NaN where refused. refused: row -> why.

    late: row -> by how much a sample whose key has later ones already came behind the furthest clock, ns. What was told
    of those did not know of it.
    """

    values: np.ndarray
    refused: dict[int, str]
    late: Mapping[int, int] = MappingProxyType({})


class Block(NamedTuple):
    """Good samples of a block, as they came; (n,) each.

    rows: which of the caller's they are. clock, ids, series: int64, the order of those of a key. keys: for
    each `by` one key a sample; values: for each raw field its numbers. label_ids: what labels name them
    by, None for a job without. labels: `before` counts these samples.
    """

    rows: np.ndarray
    clock: np.ndarray
    ids: np.ndarray
    series: np.ndarray
    keys: Mapping[tuple[str, ...], Sequence[Key] | np.ndarray]
    values: Mapping[str, np.ndarray]
    label_ids: Sequence[Value | None] | None
    labels: Labels

    @property
    def order(self) -> dict[str, np.ndarray]:
        """What the samples of a key are ordered by."""
        return {"clock": self.clock, "id": self.ids, "series": self.series}

    def parts(self, cuts: Sequence[int]) -> Iterator[Block]:
        """The pieces between some rows, each with the labels that came before or behind its samples."""
        told = 0
        for start, stop in pairwise([0, *cuts, len(self.clock)]):
            until = bisect_right(self.labels.before, stop, told)
            yield self._part(slice(start, stop), slice(told, until))
            told = until

    def _part(self, rows: slice, told: slice) -> Block:
        return Block(
            self.rows[rows],
            self.clock[rows],
            self.ids[rows],
            self.series[rows],
            {by: keys[rows] for by, keys in self.keys.items()},
            {name: values[rows] for name, values in self.values.items()},
            self.label_ids[rows] if self.label_ids is not None else None,
            Labels(
                self.labels.ids[told],
                self.labels.values[told],
                [before - rows.start for before in self.labels.before[told]],
            ),
        )


class Wanted(NamedTuple):
    """What a job reads of a sample. numbers: fields; words: those of them that may also be texts.

    by: the keys that anything is remembered by. clock: "" for the sample's own time. id: what labels name it by.
    """

    numbers: Sequence[str]
    words: frozenset[str]
    by: Sequence[tuple[str, ...]]
    clock: str
    id: str | None

    def read(
        self, times: Sequence[int] | np.ndarray, groups: Sequence[str], columns: Columns, labels: Labels
    ) -> tuple[Block, dict[int, str]]:
        """The good samples of a block, and why the others are none: row -> why."""
        m, refused = len(times), dict[int, str]()
        numbers = {name: _floats(name, columns[name], name in self.words, refused) for name in self.numbers}
        for name in dict.fromkeys(key for by in self.by for key in by):
            _check_key(name, columns[name], refused)
        clock = _ticks(self.clock, columns[self.clock], refused) if self.clock else np.asarray(times, dtype=np.int64)
        for row in np.flatnonzero((clock > MOST_CLOCK) | (clock < -MOST_CLOCK)).tolist():
            refused.setdefault(row, f"the job's clock is {clock[row]}; ns since 1970 were needed, from 1823 to 2116")
        good = np.array([row for row in range(m) if row not in refused]) if refused else np.arange(m)
        rows = good.astype(np.int64)
        keys = {by: _keys(by, groups, columns, rows, bool(refused)) for by in self.by}
        label_ids = _picked(columns[self.id], rows, bool(refused)) if self.id else None
        before = np.searchsorted(rows, np.asarray(labels.before, dtype=np.int64)).tolist() if refused else labels.before
        series = _series(groups)
        block = Block(
            rows,
            clock[rows],
            np.asarray(times, dtype=np.int64)[rows],
            series[rows],
            keys,
            {name: values[rows] for name, values in numbers.items()},
            label_ids,
            labels._replace(before=before),
        )
        return block, refused


def _series(groups: Sequence[str]) -> np.ndarray:
    numbers = {group: series_of(group) for group in set(groups)}
    if len(numbers) == 1:
        return np.full(len(groups), numbers[groups[0]], dtype=np.int64)
    return np.array([numbers[group] for group in groups], dtype=np.int64)


def _picked(column: Column, rows: np.ndarray, some: bool) -> list[Any]:
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return [values[row] for row in rows] if some else values


def _keys(
    by: tuple[str, ...], groups: Sequence[str], columns: Columns, rows: np.ndarray, some: bool
) -> list[Key] | np.ndarray:
    if not by:
        return _picked(groups, rows, some)
    column = columns[by[0]]
    if len(by) == 1 and isinstance(column, np.ndarray) and column.dtype.kind in "iu":
        told: np.ndarray = column[rows]
        return told
    parts = [_picked(columns[name], rows, some) for name in by]
    return parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))


def _check_key(name: str, column: Column, refused: dict[int, str]) -> None:
    if isinstance(column, np.ndarray) and column.dtype.kind not in "fO":
        return
    if not isinstance(column, np.ndarray) and not {float, type(None)} & set(map(type, column)):
        return
    for row, value in enumerate(column):
        if value is None or value != value:  # no NaN is the key of another sample
            refused.setdefault(row, f"field {name} is {_shown(value)}; a feature is kept by it")


def _floats(name: str, column: Column, words: bool, refused: dict[int, str]) -> np.ndarray:
    """A field as numbers; where it is none the row is refused and holds 0."""
    if isinstance(column, np.ndarray) and column.dtype != object:
        values = column.astype(np.float64)
        bad = np.flatnonzero(~(np.abs(values) <= MOST_VALUE))
    elif not set(map(type, column)) - {float, int, bool}:
        values = _exact(column)
        bad = np.flatnonzero(~(np.abs(values) <= MOST_VALUE))
    else:
        numbers = [_word(value) if words and isinstance(value, str) else value for value in column]
        fine = [isinstance(value, int | float) and abs(value) <= MOST_VALUE for value in numbers]
        values = np.array([value if ok else 0.0 for value, ok in zip(numbers, fine, strict=True)], dtype=np.float64)
        bad = np.flatnonzero(~np.array(fine, dtype=bool))
    for row in bad.tolist():
        refused.setdefault(row, _not_a_number(name, column[row]))
    return values


def _exact(column: Any) -> np.ndarray:
    try:
        return np.array(column, dtype=np.float64)
    except OverflowError:  # an integer beyond all floats
        return np.array([value if abs(value) <= MOST_VALUE else np.inf for value in column], dtype=np.float64)


def _word(text: str) -> float:
    """A number that stands for a text: only whether two are equal means anything."""
    return float(int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big"))


def _ticks(name: str, column: Column, refused: dict[int, str]) -> np.ndarray:
    if isinstance(column, np.ndarray) and column.dtype == np.int64:
        return column
    if set(map(type, column)) - {int}:
        for row, value in enumerate(column):
            if type(value) is not int:
                needed = f"field {name} is {_shown(value)}; the job's clock needs an integer, ns since 1970"
                refused.setdefault(row, needed)
        column = [value if type(value) is int else 0 for value in column]
    return np.array(column, dtype=np.int64)


def _not_a_number(field: str, value: Value | None) -> str:
    if value is None:
        return f"field {field} is missing"
    return f"field {field} is {_shown(value)}; a feature needs a finite number, at most {MOST_VALUE:g} either way"


def _shown(value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    return "missing" if plain is None else f"{plain!r:.40}"
