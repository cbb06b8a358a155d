"""A block on its way through the stages of a job's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from atipico.features.block import Block
from atipico.features.keys import Keyed
from atipico.features.layout import By, Of
from atipico.features.pool import Placed


class Told(NamedTuple):
    """Labels that came with a block, in the order in which they become known; (l,) each.

    slots: where their samples waited. values: the labels. order: clock, id and series. keyed: by key, for each `by`.
    """

    slots: np.ndarray
    values: np.ndarray
    order: Mapping[str, np.ndarray]
    keyed: Mapping[By, Keyed]


class Begun(NamedTuple):
    """A block on its way through the stages.

    keyed: its samples by key, for each `by`. order: their clock, id and series in that order. now: the furthest clock
    up to each sample, int64 (n,). allowed_late: ns behind that, for which labels are kept. slots: where each waits for
    its label, -1 for nowhere. placed: where samples, or labels, are remembered, once that is known. reach: what was
    found out about windows so many ns long.
    """

    block: Block
    keyed: Mapping[By, Keyed]
    order: Mapping[By, Mapping[str, np.ndarray]]
    now: np.ndarray
    allowed_late: int
    slots: np.ndarray
    told: Told
    placed: dict[Of, Placed]
    reach: dict[tuple[Of, int], tuple[np.ndarray, np.ndarray]]

    def late(self) -> dict[int, int]:
        """The samples whose key has later ones already: row -> how far behind the furthest clock it came, ns."""
        came, behind = np.zeros(len(self.now), dtype=bool), self.now - self.block.clock
        for of, placed in self.placed.items():
            if not (of.labels or of.where) and placed.late.any():
                came |= self.keyed[of.by].as_they_came(placed.late)
        return dict(zip(self.block.rows[came].tolist(), behind[came].tolist(), strict=True))


def by_key(order: Mapping[str, np.ndarray], keyed: Keyed) -> dict[str, np.ndarray]:
    """Columns of samples by key."""
    return {name: values[keyed.order] for name, values in order.items()}
