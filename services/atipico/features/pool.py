"""Entries of many keys: those of a key in the order of (clock, id, series), as far back as a window may reach."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.features.keys import Keyed
from atipico.features.laid import expand
from atipico.features.runs import Runs
from atipico.features.search import first_after

MOST_SAMPLES = 10_000  # of one key; a longer window holds the last so many
ORDER = ("clock", "id", "series")


class Keep(NamedTuple):
    """What the windows over a pool can reach: `span` ns back from a key's newest entry, and its last `samples`."""

    span: int
    samples: int


class Placed(NamedTuple):
    """Where the samples of a block lie among the entries of their key; (m,) each, by key.

    at: the place of each, or of the first entry behind it when it is not `held` itself. floor: the
    first entry it may look back to. repeat: it was there already, and is not forgotten. late: it is held before others.
    """

    at: np.ndarray
    floor: np.ndarray
    repeat: np.ndarray
    held: np.ndarray
    late: np.ndarray


class Pool:
    """Entries of many keys. Whether one is still seen depends on the entries, never on when they were tidied up."""

    def __init__(self, columns: Sequence[str], keep: Keep, born: bool = False) -> None:
        """born: entries come to the clock later than they were born, and say when that was."""
        self.keep = keep
        self.now: int | None = 0 if born else None  # how far the stream is, where entries may be ahead of it
        self.order = {name: np.zeros(1, dtype=np.int64) for name in (*ORDER, *(["born"] if born else []))}
        self.columns = {name: np.zeros(1) for name in columns}
        self._runs = Runs(self.order, self.columns)

    def __len__(self) -> int:
        return int(self._runs.length.sum())

    @property
    def room(self) -> int:
        """How many entries the keys have room for."""
        return self._runs.room

    @property
    def width(self) -> int:
        """How many columns an entry has."""
        return len(self.order) + len(self.columns)

    def runs(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the entries of each key begin and end."""
        self._number(codes)
        begin = self._runs.begin[codes]
        return begin, begin + self._runs.length[codes]

    def add(self, keyed: Keyed, new: Mapping[str, np.ndarray], held: np.ndarray) -> Placed:
        """Take the `held` samples of a block in; their columns are to be written by the caller.

        new: clock, id and series of each, and held: by key. Those of one key must grow in these from one to the next,
        whatever is there already. A repeat takes the place of what it repeats, or takes it away.
        """
        many = keyed.sums(held)
        begin, end = self.runs(keyed.keys)
        short = self._runs.short(keyed.keys, many)
        if short.any():
            keys = keyed.keys[short]
            self._runs.renew(keys, self.first_alive(keys), many[short])
            begin, end = self.runs(keyed.keys)
        late = self._late(keyed, new, begin, end)
        if late is None:
            none = np.zeros(len(held), dtype=bool)
            placed = Placed(keyed.each(end) + keyed.earlier(held), keyed.each(begin), none, held, none)
            on_time = held
        else:
            placed, on_time = self._add_late(keyed, new, held, late), held & ~late
            many = keyed.sums(on_time)
        if many.any():
            places, all_are = placed.at[on_time], bool(on_time.all())
            for name, values in new.items():
                self.order[name][places] = values if all_are else values[on_time]
            self._runs.length[keyed.keys] += many
        return placed

    def _number(self, codes: np.ndarray) -> None:
        """Have a run for each of these keys."""
        self._runs.number(int(codes.max(initial=-1)) + 1)

    def _late(
        self, keyed: Keyed, new: Mapping[str, np.ndarray], begin: np.ndarray, end: np.ndarray
    ) -> np.ndarray | None:
        """Which samples do not come behind all that their key has, None for none of them."""
        last = np.maximum(end - 1, 0)
        clock = np.where(end > begin, self.order["clock"][last], -(2**63))
        if (new["clock"][keyed.first] > clock).all():
            return None
        last, clock = keyed.each(last), keyed.each(clock)
        late: np.ndarray = new["clock"] <= clock
        for row in (late & (new["clock"] == clock)).nonzero()[0].tolist():
            late[row] = self._triple(int(last[row])) >= tuple(int(new[name][row]) for name in ORDER)
        return late

    def _add_late(self, keyed: Keyed, new: Mapping[str, np.ndarray], held: np.ndarray, late: np.ndarray) -> Placed:
        """Where samples lie once the late ones of them are in their places; these are rare."""
        repeat, codes = np.zeros(len(held), dtype=bool), keyed.each(keyed.keys)
        at, floor = np.zeros((2, len(held)), dtype=np.int64)
        for row in late.nonzero()[0].tolist():
            triple = tuple(int(new[name][row]) for name in ORDER)
            at[row], floor[row], repeat[row] = self._insert(int(codes[row]), triple, bool(held[row]))
        begin, end = (keyed.each(places) for places in self.runs(keyed.keys))
        on_time = end + keyed.earlier(held & ~late)
        at, floor = np.where(late, at, on_time), np.where(late, floor, begin)
        return Placed(at, floor, repeat, held, late & held & ~repeat)

    def _insert(self, code: int, triple: tuple[int, ...], held: bool) -> tuple[int, int, bool]:
        """Put a late entry where it belongs. Returns its place, its floor, whether it was there."""
        begin, end = (int(places[0]) for places in self.runs(np.array([code])))
        floor = int(self.first_alive(np.array([code]))[0])
        at = bisect_left(range(end), triple, begin, key=self._triple)
        there = at < end and self._triple(at) == triple
        if there != held:
            for column in self._runs.columns():
                if held:
                    column[at + 1 : end + 1] = column[at:end].copy()
                else:
                    column[at : end - 1] = column[at + 1 : end].copy()
            self._runs.length[code] += 1 if held else -1
        if there and not held and at >= floor:  # windows that count would reach one farther back, tidied up or not
            self._runs.begin_at(code, floor)
        if held:
            for name, value in zip(ORDER, triple, strict=True):
                self.order[name][at] = value
        return at, min(at, floor), there and at >= floor

    def _triple(self, at: int) -> tuple[int, ...]:
        return tuple(int(self.order[name][at]) for name in ORDER)

    def first_alive(self, codes: np.ndarray, now: np.ndarray | int | None = None) -> np.ndarray:
        """The first entry of each key that a window may still reach.

        now: the clock that windows end at, ns; else each key's newest entry, or what `self.now` says.
        """
        begin, end = self.runs(codes)
        now = self.now if now is None else now
        clock = self.order["clock"]
        if now is None:
            newest = clock[np.maximum(end - 1, 0)]
        else:
            newest = np.full(len(codes), now, dtype=np.int64)
            end = first_after(clock, begin, end, newest)
        alive = np.maximum(end - self.keep.samples, begin)
        if self.keep.span:
            alive = np.minimum(alive, first_after(clock, begin, end, newest - self.keep.span))
        told: np.ndarray = np.maximum(alive, end - MOST_SAMPLES)
        return told

    def newest(self, keys: int) -> np.ndarray:
        """The clock of the newest entry of each of the first so many keys; the least there is for one without."""
        begin, end = self.runs(np.arange(keys))
        return np.where(end > begin, self.order["clock"][np.maximum(end - 1, 0)], -(2**63))

    def keep_keys(self, kept: np.ndarray) -> None:
        """Forget all but the keys of these numbers, which are numbered anew in their order."""
        self._number(kept)
        self._runs.keep_keys(kept)

    def entries(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a window may still reach of these keys: how many each has; all of them, key by key, int64 (n, width)."""
        kept, places = self._alive(codes)
        return kept, np.stack([column[places].view(np.int64) for column in self._runs.columns()], axis=1)

    def wake(self, codes: np.ndarray, lengths: np.ndarray, entries: np.ndarray) -> None:
        """Take in keys that have nothing here, with what `entries` told of them."""
        self._number(codes)
        self._runs.take_in(codes, lengths, entries)

    def _alive(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many entries of each key a window may still reach, and where they lie."""
        _, end = self.runs(codes)
        alive = self.first_alive(codes)
        return end - alive, expand(alive, end - alive)

    def save(self) -> dict[str, Any]:
        """Plain values that `restore` makes the same pool of: what a window may still reach, key by key."""
        kept, places = self._alive(np.arange(len(self._runs.length)))
        columns = {**self.order, **self.columns}
        return {"lengths": kept.tobytes(), **{name: column[places].tobytes() for name, column in columns.items()}}

    def restore(self, saved: Mapping[str, Any], keys: int) -> None:
        """Become what `save` told of. Raises ValueError, KeyError or TypeError for what it can't have told."""
        lengths = np.frombuffer(saved["lengths"], dtype=np.int64)
        if (lengths[keys:] != 0).any() or (lengths < 0).any():
            raise ValueError(f"entries of more than {keys} keys, or fewer than none")
        total = int(lengths.sum())
        for of in (self.order, self.columns):
            for name, column in of.items():
                taken = np.frombuffer(saved[name], dtype=column.dtype)
                if len(taken) != total:
                    raise ValueError(f"{len(taken)} entries in {name} where {total} were due")
                of[name] = np.append(taken, np.zeros(1, dtype=column.dtype))
        self._runs.become(lengths)
