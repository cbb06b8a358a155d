"""Which entries of a pool each sample of a block sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from atipico.features.begun import Begun
from atipico.features.laid import in_pieces
from atipico.features.layout import Group, Of
from atipico.features.pool import MOST_SAMPLES, Pool
from atipico.features.search import first_after_by_key
from atipico.features.windows import Windows


def windows_of(begun: Begun, group: Group, pool: Pool) -> Iterator[tuple[np.ndarray, Windows]]:
    """The windows of a group of features, some rows at a time: which, and what they see. pool: what it looks at."""
    of, span = group.of, group.over.span
    order, clock = begun.keyed[of.by].order, begun.order[of.by]["clock"]
    start, end = _reach(begun, of, span, pool)
    samples = MOST_SAMPLES if span else group.over.samples
    if not of.labels:
        samples -= 1  # the newest is one of them
    start = np.minimum(np.maximum(start, end - samples), end)
    if group.with_newest:
        end = end + begun.placed[of].held
    for piece in in_pieces(start, end):
        yield order[piece], Windows(pool, start[piece], end[piece], clock[piece], span / 1e9 if span else np.inf)


def _reach(begun: Begun, of: Of, span: int, pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """The first entry that each sample could look at so many ns back (0: however far), and the end of those before it,
    by key."""
    known = begun.reach
    if (of, 0) not in known:
        known[of, 0] = _whole(begun, of, pool)
    start, end = known[of, 0]
    if (of, span) not in known:
        clock, keyed = begun.order[of.by]["clock"], begun.keyed[of.by]
        known[of, span] = first_after_by_key(pool.order["clock"], start, end, clock - span, keyed), end
    return known[of, span]


def _whole(begun: Begun, of: Of, pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    if not of.labels:
        return begun.placed[of].floor, begun.placed[of].at
    keyed, clock = begun.keyed[of.by], begun.order[of.by]["clock"]
    start, end = (keyed.each(places) for places in pool.runs(keyed.keys))
    end = first_after_by_key(pool.order["clock"], start, end, clock, keyed)
    late = (begun.block.clock < begun.now)[keyed.order].nonzero()[0]
    if len(late):  # what was forgotten before it came stays so, whether it still is there or not
        rows = keyed.order[late]
        start[late] = np.maximum(start[late], pool.first_alive(keyed.codes[rows], begun.now[rows] - begun.allowed_late))
    return start, end
