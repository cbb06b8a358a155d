"""Entries of many keys as columns: those of a key lie together, in the order of (clock, id, series)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.features.keys import Keyed

MOST_SAMPLES = 10_000  # of one key; a longer window holds the last so many
ORDER = ("clock", "id", "series")
_TINY = 4096  # a pool of fewer entries is not worth tidying
_FEW = 64  # rows that are looked up one by one


class Keep(NamedTuple):
    """What the windows over a pool can reach: `span` ns back from a key's newest entry, and its last `samples`."""

    span: int
    samples: int


class Placed(NamedTuple):
    """Where the samples of a block lie among the entries of their key; (m,) each.

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
        self._runs = np.zeros((3, 0), dtype=np.int64)  # a column a key: where its entries begin, how many, room for
        self._end = self._waste = 0
        self.order = {name: np.zeros(1, dtype=np.int64) for name in (*ORDER, *(["born"] if born else []))}
        self.columns = {name: np.zeros(1) for name in columns}

    def __len__(self) -> int:
        return int(self._runs[1].sum())

    @property
    def room(self) -> int:
        """How many entries the keys have room for."""
        return self._end - self._waste

    @property
    def width(self) -> int:
        """How many columns an entry has."""
        return len(self.order) + len(self.columns)

    def runs(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the entries of each key begin and end."""
        self._number(codes)
        begin, length = self._runs[0, codes], self._runs[1, codes]
        return begin, begin + length

    def lying(self, keyed: Keyed) -> np.ndarray:
        """The samples of a block in the order in which the entries of their keys lie here, and their own."""
        if len(keyed.keys) < 2:
            return keyed.order
        order = self.runs(keyed.keys)[0].argsort()
        told: np.ndarray = keyed.order[expand(keyed.first[order], keyed.counts[order])]
        return told

    def add(self, keyed: Keyed, new: Mapping[str, np.ndarray], held: np.ndarray) -> Placed:
        """Take the `held` samples of a block in; their columns are to be written by the caller.

        new: clock, id and series of each. Those of one key must grow in these from one to the next,
        whatever is there already. A repeat takes the place of what it repeats, or takes it away.
        """
        codes = keyed.codes
        self._number(codes)
        earlier = keyed.earlier(held)
        self._make_room(keyed)
        begin = self._runs[0, codes]
        late = self._is_late(codes, new)
        repeat, floor, at = np.zeros(len(codes), dtype=bool), begin, begin + self._runs[1, codes] + earlier
        if late.any():
            floor = floor.copy()
            for row in late.nonzero()[0]:
                triple = tuple(int(new[name][row]) for name in ORDER)
                at[row], floor[row], repeat[row] = self._insert(int(codes[row]), triple, bool(held[row]))
            begin, on_time = self._runs[0, codes], held & ~late
            floor[~late] = begin[~late]
            at[~late] = (begin + self._runs[1, codes] + keyed.earlier(on_time))[~late]
        else:
            on_time = held
        if on_time.any():
            places = at[on_time]
            for name, values in new.items():
                self.order[name][places] = values[on_time]
            np.add.at(self._runs[1], codes[on_time], 1)
        return Placed(at, floor, repeat, held, late & held & ~repeat)

    def _number(self, codes: np.ndarray) -> None:
        """Have a run for each of these keys."""
        have, most = self._runs.shape[1], int(codes.max(initial=-1)) + 1
        if most > have:
            more = np.zeros((3, max(most - have, have // 2)), dtype=np.int64)
            self._runs = np.concatenate([self._runs, more], axis=1)

    def _is_late(self, codes: np.ndarray, new: Mapping[str, np.ndarray]) -> np.ndarray:
        """Whether a sample does not come behind all that its key has."""
        begin, length = self._runs[0, codes], self._runs[1, codes]
        last = np.maximum(begin + length - 1, 0)
        clock = self.order["clock"][last]
        late: np.ndarray = (length > 0) & (new["clock"] <= clock)
        for row in (late & (new["clock"] == clock)).nonzero()[0]:
            late[row] = self._triple(int(last[row])) >= tuple(int(new[name][row]) for name in ORDER)
        return late

    def _insert(self, code: int, triple: tuple[int, ...], held: bool) -> tuple[int, int, bool]:
        """Put a late entry where it belongs; they are rare. Returns its place, its floor, whether it was there."""
        begin, length, _ = self._runs[:, code].tolist()
        end, floor = begin + length, int(self.first_alive(np.array([code]))[0])
        at = bisect_left(range(end), triple, begin, key=self._triple)
        there = at < end and self._triple(at) == triple
        if there != held:
            for column in self._all():
                if held:
                    column[at + 1 : end + 1] = column[at:end].copy()
                else:
                    column[at : end - 1] = column[at + 1 : end].copy()
            self._runs[1, code] += 1 if held else -1
        if there and not held and at >= floor:  # windows that count would reach one farther back, tidied up or not
            self._runs[:, code] += (floor - begin, begin - floor, begin - floor)
            self._waste += floor - begin
        if held:
            for name, value in zip(ORDER, triple, strict=True):
                self.order[name][at] = value
        return at, floor, there and at >= floor

    def _triple(self, at: int) -> tuple[int, ...]:
        return tuple(int(self.order[name][at]) for name in ORDER)

    def first_alive(self, codes: np.ndarray, now: np.ndarray | int | None = None) -> np.ndarray:
        """The first entry of each key that a window may still reach.

        now: the clock that windows end at, ns; else each key's newest entry, or what `self.now` says.
        """
        begin, length = self._runs[0, codes], self._runs[1, codes]
        end, now = begin + length, self.now if now is None else now
        clock = self.order["clock"]
        if now is None:
            newest = clock[np.maximum(end - 1, 0)]
        else:
            newest = np.broadcast_to(np.asarray(now, dtype=np.int64), codes.shape)
            end = first_after(clock, begin, end, newest)
        alive = np.maximum(end - self.keep.samples, begin)
        if self.keep.span:
            alive = np.minimum(alive, first_after(clock, begin, end, newest - self.keep.span))
        told: np.ndarray = np.maximum(alive, end - MOST_SAMPLES)
        return told

    def _make_room(self, keyed: Keyed) -> None:
        short = self._runs[1, keyed.keys] + keyed.counts > self._runs[2, keyed.keys]
        if short.any():
            self._move(keyed.keys[short], keyed.counts[short])
            self._tidy()

    def _move(self, codes: np.ndarray, counts: np.ndarray) -> None:
        """Lay keys anew at the end, without what no window reaches, with room for `counts` and half as much again."""
        begin, length, room = self._runs[:, codes]
        alive = self.first_alive(codes)
        kept = begin + length - alive
        source, target = expand(alive, kept), self._lay(codes, kept, kept + counts)
        for column in self._all():
            column[target] = column[source]
        self._waste += int(room.sum())

    def _lay(self, codes: np.ndarray, kept: np.ndarray, due: np.ndarray) -> np.ndarray:
        """The places of so many kept entries a key, anew at the end, with room for all that are due and more."""
        wanted = due + due // 2 + 1
        there = self._end + np.cumsum(wanted) - wanted
        self._end += int(wanted.sum())
        self._reserve(self._end + 1)  # one more, as windows are given by where they end
        self._runs[:, codes] = there, kept, wanted
        return expand(there, kept)

    def _tidy(self) -> None:
        """Lay all keys together, each with the room it has, where much lies waste."""
        if self._waste <= max(self._end // 2, _TINY):
            return
        begin, length, room = self._runs
        there = np.cumsum(room) - room
        source, target = expand(begin, length), expand(there, length)
        size = int(room.sum())
        for of in (self.order, self.columns):
            for name, column in of.items():
                of[name] = np.empty(size + 1, dtype=column.dtype)
                of[name][target] = column[source]
        self._runs[0], self._end, self._waste = there, size, 0

    def _reserve(self, size: int) -> None:
        have = len(self.order["clock"])
        if size <= have:
            return
        for of in (self.order, self.columns):
            for name, column in of.items():
                of[name] = np.empty(max(size, 2 * have), dtype=column.dtype)
                of[name][:have] = column

    def _all(self) -> Iterator[np.ndarray]:
        yield from self.order.values()
        yield from self.columns.values()

    def newest(self, keys: int) -> np.ndarray:
        """The clock of the newest entry of each of the first so many keys; the least there is for one without."""
        self._number(np.array([keys - 1]))
        begin, length = self._runs[:2, :keys]
        return np.where(length > 0, self.order["clock"][np.maximum(begin + length - 1, 0)], -(2**63))

    def keep_keys(self, kept: np.ndarray) -> None:
        """Forget all but the keys of these numbers, which are numbered anew in their order."""
        self._number(kept)
        self._waste += int(self._runs[2].sum() - self._runs[2, kept].sum())
        self._runs = self._runs[:, kept]

    def entries(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a window may still reach of these keys: how many each has; all of them, key by key, int64 (n, width)."""
        self._number(codes)
        alive = self.first_alive(codes)
        kept = self._runs[0, codes] + self._runs[1, codes] - alive
        places = expand(alive, kept)
        return kept, np.stack([column[places].view(np.int64) for column in self._all()], axis=1)

    def wake(self, codes: np.ndarray, lengths: np.ndarray, entries: np.ndarray) -> None:
        """Take in keys that have nothing here, with what `entries` told of them."""
        self._number(codes)
        target = self._lay(codes, lengths, lengths)
        for column, values in zip(self._all(), entries.T, strict=True):
            column[target] = values.view(column.dtype)
        self._tidy()

    def save(self) -> dict[str, Any]:
        """Plain values that `restore` makes the same pool of: what a window may still reach, key by key."""
        alive = self.first_alive(np.arange(self._runs.shape[1]))
        kept = self._runs[0] + self._runs[1] - alive
        entries = expand(alive, kept)
        columns = {**self.order, **self.columns}
        return {"lengths": kept.tobytes(), **{name: column[entries].tobytes() for name, column in columns.items()}}

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
        self._runs = np.array([np.cumsum(lengths) - lengths, lengths, lengths], dtype=np.int64)
        self._end, self._waste = total, 0


def expand(begin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """begin, begin + 1, ... for each of the runs, one after the other: int64 (sum of counts,)."""
    ends = counts.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    told: np.ndarray = (begin - (ends - counts)).repeat(counts) + np.arange(total)
    return told


def first_after(values: np.ndarray, low: np.ndarray, high: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """For each row the first place in [low, high), where values grow, whose value is above its bound; else high."""
    if len(low) <= _FEW:
        seen = memoryview(values)  # type: ignore[arg-type]
        rows = zip(bound.tolist(), low.tolist(), high.tolist(), strict=True)
        return np.array([bisect_right(seen, most, a, b) if a < b else a for most, a, b in rows], dtype=np.int64)
    low, high, last = low.copy(), np.maximum(low, high), len(values) - 1
    searching = low < high
    while searching.any():
        middle = (low + high) >> 1
        after = values[np.minimum(middle, last)] > bound
        np.copyto(high, middle, where=searching & after)
        np.copyto(low, middle + 1, where=searching & ~after)
        searching = low < high
    return low
