"""Samples that wait for their label: what a label's entry in the windows will tell of its sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from atipico.features.keys import Key, Keys, as_key
from atipico.wire.sample import Value

MOST_WAITING = 500_000  # samples of a job that may come after one before its label is given up

_INTS = ("clock", "id", "series", "number")  # number: how many samples of the job came before


class Waiting:
    """Samples by the id that a label names them by.

    by: the keys that label windows go by, of which each sample has a number: the key's own while it is awake, -1 -
    its place in `names` once it slept. columns: what their entries carry. within: ns on the job's clock behind which
    no label of a sample counts.
    """

    def __init__(self, by: Sequence[tuple[str, ...]], columns: Sequence[str], within: int) -> None:
        self._within, self._slots = within, dict[Value | None, int]()
        self._free: list[int] = []
        self.ints: dict[Any, np.ndarray] = {name: np.zeros(0, dtype=np.int64) for name in _INTS}
        self.codes: dict[Any, np.ndarray] = {one: np.zeros(0, dtype=np.int64) for one in by}
        self.names: dict[Any, list[Key]] = {one: [] for one in by}
        self.columns: dict[Any, np.ndarray] = {name: np.zeros(0) for name in columns}
        self._seen = 0  # samples, before this block
        self._cleaned = 0  # how many waited after the last look for those whose time is over

    def __len__(self) -> int:
        return len(self._slots)

    def add(
        self,
        ids: Sequence[Value | None],
        repeats: np.ndarray,
        now: np.ndarray,
        ints: Mapping[Any, np.ndarray],
        codes: Mapping[Any, np.ndarray],
    ) -> np.ndarray:
        """The slot of each sample that begins to wait, int64 (m,), its columns still to be written; -1 for the others.

        repeats: bool (m,). A sample that was there before waits already, as it was then, or has had its label. now:
        the job's clock with each, ns. Where an id comes again the first of its samples waits, until its time is over.
        """
        slots, known = np.full(len(ids), -1, dtype=np.int64), self._slots
        ints = {**ints, "number": self._seen + np.arange(len(ids))}
        first = dict(zip(ids, range(len(ids)), strict=True))
        if len(first) < len(ids) or None in first or repeats.any() or not known.keys().isdisjoint(first.keys()):
            first = self._first(ids, repeats, now, ints)
            self._free.extend(known[id] for id in first if id in known)
        rows, taken = np.fromiter(first.values(), dtype=np.int64, count=len(first)), self._take(len(first))
        slots[rows] = taken
        known.update(zip(first, taken, strict=True))
        for of, given in ((self.ints, ints), (self.codes, codes)):
            for name, values in given.items():
                of[name][slots[rows]] = values[rows]
        return slots

    def _first(
        self, ids: Sequence[Value | None], repeats: np.ndarray, now: np.ndarray, ints: Mapping[Any, np.ndarray]
    ) -> dict[Value | None, int]:
        """The row of each id that begins to wait, where some have none, or had it before."""
        first, known = dict[Value | None, int](), self._slots
        for row in (~repeats).nonzero()[0].tolist():
            id = ids[row]
            if id in first:
                over = self._is_over(ints, first[id], now[row], ints["number"][row])
            else:
                over = id not in known or self._is_over(self.ints, known[id], now[row], ints["number"][row])
            if over and id is not None:
                first[id] = row
        return first

    def _is_over(self, of: Mapping[str, np.ndarray], at: Any, now: Any, seen: Any) -> Any:
        """Whether samples wait no more: time has passed, or others have come. of: clock and number, at these places."""
        return (now - of["clock"][at] > self._within) | (seen - of["number"][at] > MOST_WAITING)

    def _take(self, many: int) -> list[int]:
        left = max(0, len(self._free) - many)
        free = self._free[left:]
        del self._free[left:]
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

        before: the row of this block that each label came before; no sample of its id came behind. now: the job's
        clock when it came, ns.
        """
        found = list(map(self._slots.pop, ids, repeat(-1)))
        slots = np.array(found, dtype=np.int64)
        places = (slots >= 0).nonzero()[0]
        over = self._is_over(self.ints, slots[places], now[places], self._seen + before[places])
        self._free.extend(slots[places[over]].tolist())
        places = places[~over]
        return places, slots[places], int(over.sum())

    def release(self, samples: int, popped: np.ndarray, now: int) -> None:
        """A block of so many samples is over: slots that were popped are free, and so are those that wait no more."""
        self._seen += samples
        self._free.extend(popped.tolist())
        if len(self._slots) <= 2 * self._cleaned + 4096:
            return
        over = self._is_over(self.ints, list(self._slots.values()), now, self._seen)
        gone = [id for id, out in zip(self._slots, over.tolist(), strict=True) if out]
        self._free.extend(self._slots.pop(id) for id in gone)
        self._cleaned = len(self._slots)

    def keep_keys(self, by: tuple[str, ...], kept: np.ndarray, many: int) -> None:
        """Of so many keys only those of these numbers stay, which are numbered anew; samples of others wait no more."""
        anew = np.full(many, -1, dtype=np.int64)
        anew[kept] = np.arange(len(kept))
        codes = self.codes[by]
        numbers = np.where(codes < 0, codes, anew[np.maximum(codes, 0)])
        gone = [id for id, slot in self._slots.items() if codes[slot] >= 0 > numbers[slot]]
        self._free.extend(self._slots.pop(id) for id in gone)
        self.codes[by] = np.where(codes < 0, codes, np.maximum(numbers, 0))

    def sleep_keys(self, by: tuple[str, ...], kept: np.ndarray, names: Sequence[Key]) -> None:
        """Of the keys of these names only those of these numbers stay awake, which are numbered anew; samples of the
        others wait all the same."""
        slots = np.array(list(self._slots.values()), dtype=np.int64)
        anew = np.full(len(names), -1, dtype=np.int64)
        anew[kept] = np.arange(len(kept))
        codes = self.codes[by][slots]
        numbers = anew[np.maximum(codes, 0)]
        sleeps = (codes < 0) | (numbers < 0)
        asleep, places = np.unique(codes[sleeps], return_inverse=True)
        self.codes[by] = np.zeros_like(self.codes[by])  # also where nobody waits: no number that there is not
        self.codes[by][slots] = numbers
        self.codes[by][slots[sleeps]] = -1 - places
        self.names[by] = [names[code] if code >= 0 else self.names[by][-1 - code] for code in asleep.tolist()]

    def slept(self, ids: Sequence[Value], by: tuple[str, ...]) -> list[Key]:
        """The keys by name of the samples that these labels name."""
        known = self._slots
        codes = self.codes[by][[known[id] for id in ids if id in known]]
        return [self.names[by][-1 - code] for code in codes[codes < 0].tolist()]

    def codes_of(self, slots: np.ndarray, by: tuple[str, ...], keys: Keys) -> np.ndarray:
        """The number of the key of the sample in each slot, int64 (m,); all are awake now."""
        codes: np.ndarray = self.codes[by][slots]
        if (slept := codes < 0).any():
            codes[slept] = keys.codes_of([self.names[by][-1 - code] for code in codes[slept].tolist()])
        return codes

    def save(self) -> dict[str, Any]:
        """Plain values that `restore` makes the same samples of."""
        slots = np.array(list(self._slots.values()), dtype=np.int64)
        return {
            "seen": self._seen,
            "ids": list(self._slots),
            "codes": [column[slots].tobytes() for column in self.codes.values()],
            "names": list(self.names.values()),
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
        for (by, codes), names in zip(self.codes.items(), saved["names"], strict=True):
            self.names[by] = [as_key(name) for name in names]
            if len(ids) and not -len(names) <= codes.min() <= codes.max() < keys[by]:
                raise ValueError(f"a sample that waits is of a key by {by} that there is not")
        self._seen = int(saved["seen"])
        self._slots, self._free, self._cleaned = {id: slot for slot, id in enumerate(ids)}, [], len(ids)
