"""The newest label of every id of a stream, in few bytes each."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from atipico.client.outcomes import every
from atipico.client.pages import equal, pages, within
from atipico.client.store import Store
from atipico.wire.sample import SOURCE_TAG, Value

UNKNOWN = -1


class KnownLabels:
    """Sorted keys, int64 (l,), and the label of each, 17 bytes an id while they are read."""

    def __init__(self, store: Store, stream: str, labels: str, since: int) -> None:
        """Read what was told from `since` (ns) on: no label is older than its sample."""
        keys, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int8)]
        if store.fields(labels):
            where = every(within(since, time.time_ns()), equal(SOURCE_TAG, stream))
            for table in pages(store, labels, ["id", "label"], where):
                good = [(id, label) for _, id, label in table.values if id is not None and label in (0, 1)]
                keys.append(_keys([id for id, _ in good]))
                values.append(np.array([label for _, label in good], dtype=np.int8))
        last_first = np.concatenate(keys)[::-1]
        self._keys, first = np.unique(last_first, return_index=True)
        self._values = np.append(np.concatenate(values)[::-1][first], np.int8(UNKNOWN))

    def of(self, ids: Sequence[Value | None]) -> np.ndarray:
        """1, 0 or UNKNOWN for each id, int8 (n,)."""
        wanted = _keys(ids)
        at = np.searchsorted(self._keys, wanted)
        found = np.append(self._keys, 0)[at] == wanted
        there = np.array([id is not None for id in ids], dtype=bool)
        return self._values[np.where(found & there & (at < len(self._keys)), at, len(self._keys))]


def _keys(ids: Sequence[Value | None]) -> np.ndarray:
    """A whole number for each id: itself where it is one, else 64 bits that are hardly ever those of another."""
    return np.array([id if type(id) is int else hash(id) for id in ids], dtype=np.int64)
