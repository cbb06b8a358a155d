"""Where a block has to be cut so that each piece can be taken in at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np

from atipico.features.block import Block
from atipico.features.keys import Keyed
from atipico.wire.sample import Value


def cuts(block: Block, keyed: Iterable[Keyed]) -> list[int]:
    """The rows to cut before, in their order: within a piece the samples of a key come in order, and no label comes
    before a sample of its id. keyed: the block's samples by each key."""
    return _cuts([_named_behind(block), *(_fallen(block, one) for one in keyed)])


def _fallen(block: Block, keyed: Keyed) -> tuple[np.ndarray, np.ndarray]:
    """Samples of a key that do not come behind the one before it: that one's row, and their own."""
    order, codes = keyed.order, keyed.codes
    if (block.clock[1:] > block.clock[:-1]).all():
        return order[:0], order[:0]
    before, after = order[:-1], order[1:]
    tied = codes[before] == codes[after]
    fallen = np.zeros(len(tied), dtype=bool)
    for column in (block.clock, block.ids, block.series):
        same = column[after] == column[before]
        fallen |= tied & (column[after] < column[before])
        tied &= same
    fallen |= tied
    return before[fallen], after[fallen]


def _named_behind(block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Samples behind a label of their id: the row before the label, and the first such sample's."""
    named, rows = set(block.labels.ids), dict[Value, list[int]]()
    if named.isdisjoint(block.label_ids or ()):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for row, id in enumerate(block.label_ids or ()):
        if id in named:
            rows.setdefault(id, []).append(row)
    found = []
    for id, before in zip(block.labels.ids, block.labels.before, strict=True):
        behind = rows.get(id, [])[bisect_left(rows.get(id, []), before) :]
        found += [(before - 1, row) for row in behind[:1]]
    told = np.array(found, dtype=np.int64).reshape(-1, 2)
    return told[:, 0], told[:, 1]


def _cuts(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[int]:
    """Where to cut so that no pair of rows is in one piece: as few places as can be, in their order."""
    before, after = (np.concatenate(rows) for rows in zip(*pairs, strict=True))
    order, places, last = after.argsort(), list[int](), -1
    for first, second in zip(before[order].tolist(), after[order].tolist(), strict=True):
        if first >= last:
            places.append(second)
            last = second
    return places
