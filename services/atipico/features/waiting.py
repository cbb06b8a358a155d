"""Samples that wait for their label: what a label's entry in the windows will tell of its sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from atipico.wire.sample import Value

MOST_WAITING = 500_000  # samples of a job; beyond it those that wait longest are given up

_INTS = ("clock", "id", "series", "row")  # row: its place in the block that it came with, -1 for an earlier one


class Waiting:
    """Samples by the id that a label names them by.

    by: the keys that label windows go by, of which each sample has a number. columns: what their entries
    carry. within: ns on the job's clock behind which no label of a sample counts.
    """

    def __init__(self, by: Sequence[tuple[str, ...]], columns: Sequence[str], within: int) -> None:
        self._within, self._slots = within, dict[Value, int]()
        self._free: list[int] = []
        self.ints: dict[Any, np.ndarray] = {name: np.zeros(0, dtype=np.int64) for name in _INTS}
        self.codes: dict[Any, np.ndarray] = {one: np.zeros(0, dtype=np.int64) for one in by}
        self.columns: dict[Any, np.ndarray] = {name: np.zeros(0) for name in columns}
        self._cleaned = 0  # how many waited after the last look for those whose time is over

    def __len__(self) -> int:
        return len(self._slots)

    def add(
        self,
        ids: Sequence[Value | None],
        repeats: np.ndarray,
        ints: Mapping[Any, np.ndarray],
        codes: Mapping[Any, np.ndarray],
    ) -> np.ndarray:
        """The slot of each sample that begins to wait, int64 (m,), its columns still to be written; -1 for the others.

        repeats: bool (m,). A sample that was there before waits already, as it was then, or has had its label.
        """
        known, slots = self._slots, np.full(len(ids), -1, dtype=np.int64)
        first: dict[Value, int] = {}  # the same id twice in a block: the first of them waits
        for row in (~repeats).nonzero()[0].tolist():
            id = ids[row]
            if id is not None and id not in known:
                first.setdefault(id, row)
        rows = np.array(list(first.values()), dtype=np.int64)
        slots[rows] = self._take(len(rows))
        known.update(zip(first, slots[rows].tolist(), strict=True))
        for of, given in ((self.ints, ints), (self.codes, codes)):
            for name, values in given.items():
                of[name][slots[rows]] = values[rows]
        return slots

    def _take(self, many: int) -> list[int]:
        free, self._free = self._free[:many], self._free[many:]
        have = len(self.ints["clock"])
        if (missing := many - len(free)) > 0:
            grown = max(missing, have // 2)
            for of in (self.ints, self.codes, self.columns):
                for name, column in of.items():
                    of[name] = np.append(column, np.zeros(grown, dtype=column.dtype))
            free += range(have, have + missing)
            self._free += range(have + missing, have + grown)
        return free

    def pop(self, ids: Sequence[Value], before: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """The labels, by their places, whose sample waits for them, and its slot, which stays until `release`; then how
        many others came too late.

        before: the row of this block that each label came before. now: the job's clock when it came, ns.
        """
        found = list(map(self._slots.pop, ids, repeat(-1)))
        slots = np.array(found, dtype=np.int64)
        places = (slots >= 0).nonzero()[0]
        early = self.ints["row"][slots[places]] >= before[places]
        self._slots.update((ids[place], int(slots[place])) for place in places[early].tolist())
        late = (now[places] - self.ints["clock"][slots[places]] > self._within) & ~early
        self._free.extend(slots[places[late]].tolist())
        places = places[~(early | late)]
        return places, slots[places], int(late.sum())

    def release(self, added: np.ndarray, popped: np.ndarray, now: int) -> None:
        """The block is over: slots that were popped are free, and so are those of samples whose time is over."""
        self.ints["row"][added[added >= 0]] = -1
        self._free.extend(popped.tolist())
        if len(self._slots) <= 2 * self._cleaned + 4096:
            return
        clock = self.ints["clock"]
        waiting = np.sort(clock[list(self._slots.values())])
        least = max(now - self._within, int(waiting[-MOST_WAITING] if len(waiting) > MOST_WAITING else waiting[0]))
        late = [id for id, slot in self._slots.items() if clock[slot] < least]
        self._free.extend(self._slots.pop(id) for id in late)
        self._cleaned = len(self._slots)

    def keep_keys(self, by: tuple[str, ...], kept: np.ndarray, many: int) -> None:
        """Of so many keys only those of these numbers stay, which are numbered anew; samples of others wait no more."""
        anew = np.full(many, -1, dtype=np.int64)
        anew[kept] = np.arange(len(kept))
        self.codes[by] = anew[self.codes[by]]
        gone = [id for id, slot in self._slots.items() if self.codes[by][slot] < 0]
        self._free.extend(self._slots.pop(id) for id in gone)
        self.codes[by] = np.maximum(self.codes[by], 0)

    def save(self) -> dict[str, Any]:
        """Plain values that `restore` makes the same samples of."""
        slots = np.array(list(self._slots.values()), dtype=np.int64)
        return {
            "ids": list(self._slots),
            "codes": [column[slots].tobytes() for column in self.codes.values()],
            "ints": [column[slots].tobytes() for column in self.ints.values()],
            "columns": [column[slots].tobytes() for column in self.columns.values()],
        }

    def restore(self, saved: Mapping[str, Any], keys: Mapping[tuple[str, ...], int]) -> None:
        """Become what `save` told of. keys: how many there are by each `by`. Raises ValueError, KeyError or TypeError
        for what it can't have told.
        """
        ids = saved["ids"]
        for word, of in (("codes", self.codes), ("ints", self.ints), ("columns", self.columns)):
            for name, data in zip(list(of), saved[word], strict=True):
                of[name] = np.frombuffer(data, dtype=of[name].dtype).copy()
                if len(of[name]) != len(ids):
                    raise ValueError(f"{len(of[name])} of {name} for {len(ids)} samples that wait")
        for by, codes in self.codes.items():
            if len(ids) and not 0 <= codes.min() <= codes.max() < keys[by]:
                raise ValueError(f"a sample that waits is of a key by {by} that there is not")
        self._slots, self._free, self._cleaned = {id: slot for slot, id in enumerate(ids)}, [], len(ids)
