"""The keys that samples are remembered by, as numbers, and which samples of a block are of which key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.wire.sample import Value

Key = Value | tuple[Value, ...]


def as_key(saved: Any) -> Key:
    """A key as it was before it became plain values."""
    return tuple(saved) if isinstance(saved, list) else saved


class Keys:
    """The keys of one `by`, numbered from 0 in the order they came."""

    def __init__(self, keys: Sequence[Key] = ()) -> None:
        self.codes: dict[Key, int] = {key: code for code, key in enumerate(keys)}

    def __len__(self) -> int:
        return len(self.codes)

    def codes_of(self, keys: Sequence[Key]) -> np.ndarray:
        """The number of each key, int64 (m,); new ones get theirs."""
        codes = self.codes
        numbers = list(map(codes.get, keys))
        if None in numbers:
            for key in dict.fromkeys(keys):
                codes.setdefault(key, len(codes))
            numbers = list(map(codes.__getitem__, keys))
        return np.array(numbers, dtype=np.int64)

    def unknown(self, keys: Sequence[Key]) -> list[Key]:
        """Those of the keys that have no number, each once."""
        return [key for key in dict.fromkeys(keys) if key not in self.codes]

    def keep(self, kept: np.ndarray) -> None:
        """Forget all but the keys of these numbers, which are numbered anew in their order."""
        keys = list(self.codes)
        self.codes = {keys[code]: number for number, code in enumerate(kept.tolist())}


class Keyed(NamedTuple):
    """The samples of a block by key. codes: (m,). order: their rows, key by key, each key's as they came.

    first: where each key begins in `order`. keys: its number. counts: how many samples it has; (k,) each.
    """

    codes: np.ndarray
    order: np.ndarray
    first: np.ndarray
    keys: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray) -> Keyed:
        order = np.argsort(codes, kind="stable")
        by_key = codes[order]
        new = np.ones(len(codes), dtype=bool)
        np.not_equal(by_key[1:], by_key[:-1], out=new[1:])
        first = new.nonzero()[0]
        counts = np.empty_like(first)
        counts[:-1] = first[1:] - first[:-1]
        counts[-1:] = len(codes) - first[-1:]
        return cls(codes, order, first, by_key[first], counts)

    def earlier(self, held: np.ndarray) -> np.ndarray:
        """How many samples of the same key came before each sample of the block and are `held`, int64 (m,)."""
        held = held[self.order]
        before = np.cumsum(held) - held
        told = np.empty(len(held), dtype=np.int64)
        told[self.order] = before - np.repeat(before[self.first], self.counts)
        return told
