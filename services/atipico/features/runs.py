"""Columns in which the entries of a key lie together: for each key a run, with room for more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from atipico.features.laid import expand

_TINY = 4096  # columns of fewer entries are not worth tidying


class Runs:
    """Where the entries of each key begin in the columns, and how many it has.

    parts: the columns by name, replaced in here as they grow; one place more than there are entries, as windows are
    given by where they end.
    """

    def __init__(self, *parts: dict[str, np.ndarray]) -> None:
        self._parts = parts
        self._table = np.zeros((3, 0), dtype=np.int64)  # a column a key: where it begins, how many, room for
        self._end = self._waste = 0

    @property
    def begin(self) -> np.ndarray:
        told: np.ndarray = self._table[0]
        return told

    @property
    def length(self) -> np.ndarray:
        told: np.ndarray = self._table[1]
        return told

    @property
    def room(self) -> int:
        """How many entries the keys have room for."""
        return self._end - self._waste

    def columns(self) -> Iterator[np.ndarray]:
        for part in self._parts:
            yield from part.values()

    def number(self, most: int) -> None:
        """Have a run for each of the first so many keys."""
        have = self._table.shape[1]
        if most > have:
            more = np.zeros((3, max(most - have, have // 2)), dtype=np.int64)
            self._table = np.concatenate([self._table, more], axis=1)

    def short(self, keys: np.ndarray, due: np.ndarray) -> np.ndarray:
        """Whether keys lack the room for so many more entries."""
        _, length, room = self._table[:, keys]
        told: np.ndarray = length + due > room
        return told

    def renew(self, keys: np.ndarray, alive: np.ndarray, due: np.ndarray) -> None:
        """Keep of keys what lies from `alive` on, and have room for so many more: where they are, where that leaves a
        fifth to three quarters of it free, else anew."""
        begin, length, room = self._table[:, keys]
        kept = begin + length - alive
        many = kept + due
        moves = (5 * many > 4 * room) | (4 * many < room)
        begin[moves] = self._anew(keys[moves], many[moves])
        source, target = expand(alive, kept), expand(begin, kept)
        for column in self.columns():
            column[target] = column[source]
        self._table[0, keys], self._table[1, keys] = begin, kept
        self._tidy()

    def take_in(self, keys: np.ndarray, lengths: np.ndarray, entries: np.ndarray) -> None:
        """Entries of keys that had none, int64 (sum of lengths, columns)."""
        begin = self._anew(keys, lengths)
        target = expand(begin, lengths)
        for column, values in zip(self.columns(), entries.T, strict=True):
            column[target] = values.view(column.dtype)
        self._table[0, keys], self._table[1, keys] = begin, lengths
        self._tidy()

    def begin_at(self, key: int, place: int) -> None:
        """Let a key begin farther on."""
        fewer = place - int(self._table[0, key])
        self._table[:, key] += (fewer, -fewer, -fewer)
        self._waste += fewer

    def keep_keys(self, kept: np.ndarray) -> None:
        """Forget all but the keys of these numbers, which are numbered anew in their order."""
        self._waste += int(self._table[2].sum() - self._table[2, kept].sum())
        self._table = self._table[:, kept]

    def become(self, lengths: np.ndarray) -> None:
        """The columns were filled, key by key."""
        self._table = np.array([lengths.cumsum() - lengths, lengths, lengths], dtype=np.int64)
        self._end, self._waste = int(lengths.sum()), 0

    def _anew(self, keys: np.ndarray, due: np.ndarray) -> np.ndarray:
        """Where keys begin, at the end of the columns, with room for all that are due and half as many."""
        wanted = due + due // 2 + 1
        begin: np.ndarray = self._end + wanted.cumsum() - wanted
        self._end += int(wanted.sum())
        self._waste += int(self._table[2, keys].sum())
        self._table[2, keys] = wanted
        if self._end + 1 > len(next(self.columns())):
            self._resize(2 * self._end, slice(0, begin[0]), slice(0, begin[0]))
        return begin

    def _tidy(self) -> None:
        """Lay all keys together, each with the room it has, where much lies waste."""
        if self._waste <= max(self._end // 2, _TINY):
            return
        begin, length, room = self._table
        there, size = room.cumsum() - room, int(room.sum())
        self._resize(2 * size + 1, expand(begin, length), expand(there, length))
        self._table[0], self._end, self._waste = there, size, 0

    def _resize(self, size: int, source: np.ndarray | slice, target: np.ndarray | slice) -> None:
        for part in self._parts:
            for name, column in part.items():
                part[name] = np.empty(size, dtype=column.dtype)
                part[name][target] = column[source]
