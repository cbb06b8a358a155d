"""The keys that samples are remembered by, as numbers, and which samples of a block are of which key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.wire.sample import Value

Key = Value | tuple[Value, ...]

_CLOSE = 16  # integers as keys that cover no more than so many times as many as there are, are looked up in a table


def listed(keys: Sequence[Any] | np.ndarray) -> Sequence[Any]:
    """Plain values."""
    return keys.tolist() if isinstance(keys, np.ndarray) else keys


def as_key(saved: Any) -> Key:
    """A key as it was before it became plain values."""
    return tuple(saved) if isinstance(saved, list) else saved


class Keys:
    """The keys of one `by`, numbered from 0 in the order they came."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self.codes: dict[Key, int] = {key: code for code, key in enumerate(keys)}

    def __len__(self) -> int:
        return len(self.codes)

    def codes_of(self, keys: Sequence[Key] | np.ndarray) -> np.ndarray:
        """The number of each key, int64 (m,); new ones get theirs."""
        if isinstance(keys, np.ndarray) and len(keys):
            least = int(keys.min())
            if int(keys.max()) - least < _CLOSE * len(keys):
                return self._codes_of_close(keys, least)
        keys = listed(keys)
        numbers = list(map(self.codes.get, keys))
        if None in numbers:
            self._number(keys)
            numbers = list(map(self.codes.__getitem__, keys))
        return np.fromiter(numbers, dtype=np.int64, count=len(numbers))

    def _codes_of_close(self, keys: np.ndarray, least: int) -> np.ndarray:
        """The same for integers that lie close together: each is looked up once."""
        places = (keys - least).astype(np.int64)
        there = np.bincount(places).nonzero()[0]
        table = np.zeros(int(there[-1]) + 1, dtype=np.int64)
        table[there] = [self.codes.get(key, -1) for key in (there + least).tolist()]
        told: np.ndarray = table[places]
        if (new := told < 0).any():
            self._number(keys[new].tolist())
            return self._codes_of_close(keys, least)
        return told

    def _number(self, keys: Sequence[Key]) -> None:
        for key in dict.fromkeys(keys):
            self.codes.setdefault(key, len(self.codes))

    def unknown(self, keys: Sequence[Key] | np.ndarray) -> list[Key]:
        """Those of the keys that have no number, each once."""
        return [key for key in dict.fromkeys(listed(keys)) if key not in self.codes]

    def keep(self, kept: np.ndarray) -> None:
        """Forget all but the keys of these numbers, which are numbered anew in their order."""
        keys = list(self.codes)
        self.codes = {keys[code]: number for number, code in enumerate(kept.tolist())}


class Keyed(NamedTuple):
    """The samples of a block by key. codes: (m,), as they came. order: their rows by key, each key's as they came.

    first: where each key begins in `order`. keys: its number. counts: how many samples it has; (k,) each.
    """

    codes: np.ndarray
    order: np.ndarray
    first: np.ndarray
    keys: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray) -> Keyed:
        order = _ordered(codes)
        by_key = codes[order]
        new = np.ones(len(codes), dtype=bool)
        np.not_equal(by_key[1:], by_key[:-1], out=new[1:])
        first = new.nonzero()[0]
        counts = np.empty_like(first)
        counts[:-1] = first[1:] - first[:-1]
        counts[-1:] = len(codes) - first[-1:]
        return cls(codes, order, first, by_key[first], counts)

    def each(self, of_keys: np.ndarray) -> np.ndarray:
        """What is told of each key, (k,), for each of its samples, (m,) by key."""
        return of_keys.repeat(self.counts)

    def sums(self, held: np.ndarray) -> np.ndarray:
        """How many samples of each key are `held`, bool (m,) by key."""
        if held.all():
            return self.counts
        told: np.ndarray = np.add.reduceat(held, self.first, dtype=np.int64)
        return told

    def earlier(self, held: np.ndarray) -> np.ndarray:
        """How many samples of the same key came before each and are `held`, (m,) by key."""
        before = held.cumsum() - held
        told: np.ndarray = before - self.each(before[self.first])
        return told

    def as_they_came(self, values: np.ndarray) -> np.ndarray:
        """Values by key, (m,), in the order in which their samples came."""
        told = np.empty_like(values)
        told[self.order] = values
        return told


def _ordered(codes: np.ndarray) -> np.ndarray:
    """The rows by code, those of a code as they are; codes are below 2 ** 32. Numbers of 16 bits are sorted fastest."""
    order = codes.astype(np.uint16).argsort(kind="stable")
    if codes.max(initial=0) >> 16:
        order = order[(codes[order] >> 16).astype(np.uint16).argsort(kind="stable")]
    return order
