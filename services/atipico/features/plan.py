"""A job's features over blocks of samples: what is remembered by key, and one row of numbers a sample.

The same code runs over a block of a live stream and over a whole file: a sample's row depends on the samples and
labels before it, never on how they were cut into blocks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from atipico.errors import Refused
from atipico.features import FEATURES, INSTANT
from atipico.features.asleep import Asleep
from atipico.features.begun import Begun
from atipico.features.block import MOST_VALUE, NO_LABELS, Block, Columns, Labels, Rows, Wanted
from atipico.features.keys import listed
from atipico.features.layout import Layout
from atipico.features.memory import Memory
from atipico.features.spec import LABEL, VALUE, FeatureSpec, LabelSpec
from atipico.features.windows import Windows
from atipico.pace import Pace, clocks_of

_FORM = 6  # of what `save` gives; another one is refused like other features


class Plan:
    """The features of a job. One instance serves one job, its calls never overlap.

    clock: the field (int, ns) that windows run on, or "" for the sample's own time. labels: where the
    job's labels come from, None for a job without. folder: where keys sleep that are too many for the
    memory; None: they are forgotten. pace: what counts the gaps between samples that are not refused.
    allowed_late: how far behind the furthest clock a sample finds the labels that there were then, ns.
    Raises Refused for features that can't be.
    """

    def __init__(
        self,
        specs: Sequence[FeatureSpec],
        clock: str = "",
        labels: LabelSpec | None = None,
        folder: Path | None = None,
        pace: Pace | None = None,
        allowed_late: int = 0,
    ) -> None:
        self.columns = tuple(spec.name for spec in specs)
        self._layout = layout = Layout(specs, labels)
        self._memory = Memory(layout, Asleep(folder) if folder else None, allowed_late)
        self._wanted = Wanted(layout.numbers, layout.words, layout.by, clock, labels.id if labels else None)
        self.clock, self.numbers, self._pace = clock, layout.numbers, pace
        self.keys = tuple(dict.fromkeys(key for one in layout.by for key in one))
        alone = [name for name in (clock, labels.id if labels else "", pace.every.by if pace else "") if name]
        self.needs = tuple(dict.fromkeys((*layout.numbers, *self.keys, *alone)))
        shape = [_FORM, clock, list(labels[:3]) if labels else None, *(list(spec) for spec in specs)]
        self.shape = hashlib.sha256(msgspec.json.encode(shape)).hexdigest()[:16]
        self.rows([], [], {name: [] for name in self.needs})  # a wrong option fails here

    def rows(
        self, times: Sequence[int] | np.ndarray, groups: Sequence[str], columns: Columns, labels: Labels = NO_LABELS
    ) -> Rows:
        """The features of a block of samples, in their order; the block then belongs to the past.

        times: ns. groups: each sample's series. columns: for each field in `needs` one value a
        sample, None where it has none; lists, or arrays without a None. labels: those that came
        with these samples. A sample that lacks a field or whose number is not finite is refused,
        enters no window and costs its neighbours nothing.
        """
        block, refused = self._wanted.read(times, groups, columns, labels)
        if self._pace:
            due = listed(columns[self._pace.every.by]) if self._pace.every.by else groups
            self._pace.take([due[row] for row in block.rows.tolist()], block.clock.tolist())
        matrix, late = np.full((len(times), len(self.columns)), np.nan), dict[int, int]()
        for piece, keyed in self._memory.cut(block):
            begun = self._memory.begin(piece, keyed)
            matrix[piece.rows] = self._piece(piece, begun)
            late |= begun.late()
        return Rows(matrix, refused, late)

    @property
    def now(self) -> int:
        """The furthest clock of all samples, ns."""
        return self._memory.now

    def _piece(self, block: Block, begun: Begun) -> np.ndarray:
        """The features of samples that come in order, key by key."""
        specs, stages = self._layout.specs, self._layout.stages
        matrix, values = np.empty((len(block.clock), len(specs)), order="F"), dict(block.values)
        for stage, groups in enumerate(self._layout.groups):
            self._memory.write(begun, stage, values)
            for group in groups:
                for rows, windows in self._memory.windows(begun, group):
                    _look(group.specs, windows, rows, values, matrix)
            mine = [(at, spec) for at, spec in enumerate(specs) if stages[at] == stage]
            for at, spec in mine:
                if spec.kind not in FEATURES:
                    matrix[:, at] = _instant(spec, values)
            read = [(at, spec.name) for at, spec in mine if spec.name in self._layout.read]
            values |= {name: np.clip(matrix[:, at], -MOST_VALUE, MOST_VALUE) for at, name in read}
        self._memory.end(begun)
        return matrix

    def save(self) -> bytes:
        """All that is remembered, as bytes that `restore` takes back exactly; of what sleeps only where it is.

        Raises NotYet when the disk does not take what sleeps.
        """
        pace = [self._pace.save()] if self._pace else []
        return msgspec.msgpack.encode([self.shape, self._memory.save(), *pace])

    def restore(self, saved: bytes) -> None:
        """Go back to what was saved. Raises, changing nothing, Refused for other features or if what slept is gone,
        NotYet if that can't be had just now."""
        try:
            shape, kept, *pace = msgspec.msgpack.decode(saved)
        except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
            raise Refused(f"checkpoint of {len(saved)} bytes can't be read: {error}") from error
        if shape != self.shape:
            raise Refused(f"checkpoint is of features {shape}, the job now has {self.shape}")
        try:
            last = clocks_of(pace[0] if pace else [])
            self._memory.restore(kept)
        except (TypeError, ValueError, KeyError) as error:
            raise Refused(f"checkpoint of {len(saved)} bytes can't be read: {error}") from error
        if self._pace:
            self._pace.restore(last)

    def forget(self) -> None:
        """Start from nothing."""
        self._memory.forget()
        if self._pace:
            self._pace.restore({})


def _look(
    specs: Sequence[tuple[int, FeatureSpec]],
    windows: Windows,
    rows: np.ndarray,
    values: Mapping[str, np.ndarray],
    matrix: np.ndarray,
) -> None:
    """Write features of the same windows into their columns of some rows."""
    pasts = {field: windows.past(field) for field in {spec.field for _, spec in specs}}
    for at, spec in specs:
        newest = np.zeros(len(windows)) if spec.field == LABEL else values[spec.field][rows]
        column = matrix[:, at]
        column[rows] = FEATURES[spec.kind](newest, pasts[spec.field], **dict(spec.options))


def _instant(spec: FeatureSpec, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """A feature that needs no window."""
    if spec.kind == VALUE:
        return values[spec.field]
    beside = {"than": [values[name] for name in spec.than]} if spec.than else {}
    told: np.ndarray = INSTANT[spec.kind](values[spec.field], **beside)
    return told
