"""What a job remembers: the samples of each key, those whose label is known by now, and those that wait for theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from atipico.errors import Refused
from atipico.features.asleep import Asleep
from atipico.features.begun import Begun, Told, by_key
from atipico.features.block import MOST_CLOCK, Block
from atipico.features.cuts import cuts
from atipico.features.keys import Keyed, Keys, as_key
from atipico.features.layout import By, Group, Layout, Of
from atipico.features.pool import Placed, Pool
from atipico.features.seen import windows_of
from atipico.features.spec import LABEL
from atipico.features.waiting import Waiting
from atipico.features.windows import Windows
from atipico.metrics import FORGOTTEN_KEYS, OUT_OF_ORDER, REFUSED

MOST_AWAKE = 200_000  # keys of one `by` where there is a place to sleep; beyond it those that came longest ago sleep
MOST_ENTRIES = 10_000_000  # that the keys of one `by` have room for, in the same way
MOST_KEYS = 1_000_000  # of one `by`, awake; beyond it those that came longest ago are forgotten
_LONG_AGO = -MOST_CLOCK  # ns; before the first sample


class Memory:
    """The pools of a job, block by block: `begin`, then for each stage `write` and `windows`, then `end`.

    asleep: where keys sleep, None for nowhere. allowed_late: how long labels are kept for samples that come late, ns.
    """

    def __init__(self, layout: Layout, asleep: Asleep | None = None, allowed_late: int = 0) -> None:
        self._layout, self._labels, self._asleep, self._allowed_late = layout, layout.labels, asleep, allowed_late
        self._columns = {of: layout.columns(of) for of in layout.pools}
        self._begins = {of: layout.begins(of) for of in layout.pools}
        self._waits = [layout.waits(stage) for stage in range(len(layout.groups))]
        self.forget()

    def forget(self) -> None:
        """Start from nothing."""
        self._pools = {of: Pool(list(self._columns[of]), self._layout.keep(of), of.labels) for of in self._columns}
        self._keys = {by: Keys() for by in self._layout.by}
        within = self._labels.within if self._labels else 0
        by = tuple(dict.fromkeys(of.by for of in self._pools if of.labels))
        self._waiting = Waiting(by, self._layout.waiting, within)
        self._now = _LONG_AGO
        if self._asleep is not None:
            self._asleep.forget()

    def cut(self, block: Block) -> Iterator[tuple[Block, Mapping[By, Keyed]]]:
        """Pieces in each of which the samples of a key come in order: all of it, unless some are late or repeated.

        Nor does a label come before a sample of its id: it would not be that one's. Each with its samples by key, for
        each `by`.
        """
        keyed = self._keyed(block)
        if not (places := cuts(block, keyed.values())):
            yield block, keyed
            return
        for piece in block.parts(places):
            yield piece, self._keyed(piece)

    def _keyed(self, block: Block) -> dict[By, Keyed]:
        """The samples of a block by key, all keys awake."""
        if self._asleep:  # and not when nothing sleeps
            self._wake(self._asleep, block)
        return {by: Keyed.of(keys.codes_of(block.keys[by])) for by, keys in self._keys.items()}

    def _wake(self, asleep: Asleep, block: Block) -> None:
        """Have all keys awake that the samples of a block, or its labels, are of."""
        for number, (by, keys) in enumerate(self._keys.items()):
            wanted = keys.unknown(block.keys[by])
            if by in self._waiting.codes and len(block.labels.ids):
                wanted += keys.unknown(self._waiting.slept(block.labels.ids, by))
            if wanted:
                pools = self._pools_by(by)
                woken, entries = asleep.take(number, wanted, [pool.width for pool in pools])
                codes = keys.codes_of(woken)
                for pool, of in zip(pools, entries, strict=True):
                    pool.wake(codes, *of)

    def _pools_by(self, by: By) -> list[Pool]:
        return [pool for of, pool in self._pools.items() if of.by == by]

    def begin(self, block: Block, keyed: Mapping[By, Keyed]) -> Begun:
        """Take in a piece and the labels that came with it; what holds only some samples follows by `write`."""
        now = np.maximum.accumulate(np.concatenate([[self._now], block.clock]))
        held = np.ones(len(block.clock), dtype=bool)
        whole = [(of, pool) for of, pool in self._pools.items() if not (of.labels or of.where)]
        order = {by: by_key(block.order, one) for by, one in keyed.items()}
        placed = {of: pool.add(keyed[of.by], order[of.by], held) for of, pool in whole}
        repeats = ~held
        for of, one in placed.items():
            if one.repeat.any():
                repeats |= keyed[of.by].as_they_came(one.repeat)
        for reason, which in {"came again": repeats, "came late": (block.clock < now[1:]) & ~repeats}.items():
            if which.any():
                OUT_OF_ORDER.labels(reason).inc(int(which.sum()))
        return Begun(
            block, keyed, order, now[1:], self._allowed_late, *self._take_labels(block, keyed, now, repeats), placed, {}
        )

    def _take_labels(
        self, block: Block, keyed: Mapping[By, Keyed], now: np.ndarray, repeats: np.ndarray
    ) -> tuple[np.ndarray, Told]:
        """Let the samples wait for their labels, and give each label that came its time: not before it is due, and
        behind all samples that came before it."""
        if block.label_ids is None or self._labels is None:
            return np.zeros(0, dtype=np.int64), Told(np.zeros(0, dtype=np.int64), np.zeros(0), {}, {})
        waiting = self._waiting
        codes = {by: keyed[by].codes for by in waiting.codes}
        slots = waiting.add(block.label_ids, repeats, now[1:], block.order, codes)
        before = np.asarray(block.labels.before, dtype=np.int64)
        places, labelled, late = waiting.pop(block.labels.ids, before, now[before])
        if unknown := len(before) - len(places) - late:
            REFUSED.labels("label of no sample that waits for one").inc(unknown)
        if late:
            REFUSED.labels("label came too late").inc(late)
        clock, id, series = (waiting.ints[name][labelled] for name in ("clock", "id", "series"))
        due = np.maximum(clock + self._labels.delay, now[before[places]] + 1)
        order = np.lexsort((series, id, due))
        labelled = labelled[order]
        values = np.asarray(block.labels.values, dtype=np.float64)[places[order]]
        told = {by: Keyed.of(waiting.codes_of(labelled, by, self._keys[by])) for by in waiting.codes}
        return slots, Told(labelled, values, {"clock": due[order], "id": id[order], "series": series[order]}, told)

    def write(self, begun: Begun, stage: int, values: Mapping[str, np.ndarray]) -> None:
        """Remember what can be told from a stage on; values: the fields, and the features of the stages before."""
        there = begun.slots >= 0
        for column in self._waits[stage]:
            self._waiting.columns[column][begun.slots[there]] = values[column][there]
        told = {LABEL: begun.told.values}
        if len(begun.told.slots):
            told |= {name: column[begun.told.slots] for name, column in self._waiting.columns.items()}
        for of, pool in self._pools.items():
            if of.labels and not len(begun.told.slots):
                continue
            known = told if of.labels else values
            if self._begins[of] == stage and of not in begun.placed:
                begun.placed[of] = self._add(begun, of, pool, known)
            placed = begun.placed.get(of)
            for column, first in self._columns[of].items():
                if first == stage and placed is not None:
                    rows = (begun.told if of.labels else begun).keyed[of.by].order
                    pool.columns[column][placed.at[placed.held]] = known[column][rows[placed.held]]

    def _add(self, begun: Begun, of: Of, pool: Pool, values: Mapping[str, np.ndarray]) -> Placed:
        told, keyed = begun.told, (begun.told if of.labels else begun).keyed[of.by]
        held = of.holds(values, len(keyed.order))[keyed.order]
        if not of.labels:
            return pool.add(keyed, begun.order[of.by], held)
        pool.now = self._now - self._allowed_late
        placed = pool.add(keyed, by_key(told.order, keyed), held)
        pool.order["born"][placed.at[held]] = self._waiting.ints["clock"][told.slots[keyed.order[held]]]
        return placed

    def windows(self, begun: Begun, group: Group) -> Iterator[tuple[np.ndarray, Windows]]:
        """The windows of a group of features, some rows at a time: which, and what they see."""
        return windows_of(begun, group, self._pools[group.of])

    @property
    def now(self) -> int:
        """The furthest clock, ns."""
        return self._now

    def end(self, begun: Begun) -> None:
        """The piece belongs to the past."""
        if len(begun.now):
            self._now = int(begun.now[-1])
        self._waiting.release(len(begun.now), begun.told.slots, self._now)
        for number, (by, keys) in enumerate(self._keys.items()):
            if self._asleep is not None and self._too_many(by) and self._asleep.takes:
                self._put_to_sleep(self._asleep, number, by)
            if len(keys) > MOST_KEYS:
                kept, gone = self._longest_ago(by, MOST_KEYS // 10)
                if by in self._waiting.codes:
                    self._waiting.keep_keys(by, kept, len(keys))
                self._keep(by, kept)
                FORGOTTEN_KEYS.inc(len(gone))
        if self._asleep is not None:
            self._asleep.show(awake=sum(map(len, self._keys.values())))

    def _too_many(self, by: By) -> bool:
        """Whether more keys are awake, or have more entries, than should."""
        many = len(self._keys[by])
        return many > MOST_AWAKE or (many > 1 and sum(pool.room for pool in self._pools_by(by)) > MOST_ENTRIES)

    def _put_to_sleep(self, asleep: Asleep, number: int, by: By) -> None:
        """Have a tenth of the keys sleep, those that came longest ago; one with nothing to reach needs no place."""
        self._let_labels_age()
        kept, gone = self._longest_ago(by, -(-len(self._keys[by]) // 10))
        names, entries = list(self._keys[by].codes), [pool.entries(gone) for pool in self._pools_by(by)]
        some = np.add.reduce([lengths for lengths, _ in entries]) > 0
        held = [(lengths[some], rows) for lengths, rows in entries]
        if asleep.put(number, [names[code] for code in gone[some].tolist()], held):
            if by in self._waiting.codes:
                self._waiting.sleep_keys(by, kept, names)
            self._keep(by, kept)

    def _longest_ago(self, by: By, many: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the other keys, and of so many whose newest entry is the oldest; each in their order."""
        newest = np.maximum.reduce([pool.newest(len(self._keys[by])) for pool in self._pools_by(by)])
        order = np.argsort(newest, kind="stable")
        return np.sort(order[many:]), np.sort(order[:many])

    def _keep(self, by: By, kept: np.ndarray) -> None:
        for pool in self._pools_by(by):
            pool.keep_keys(kept)
        self._keys[by].keep(kept)

    def _let_labels_age(self) -> None:
        """What a window may still reach of labels depends on how far the stream is."""
        for of, pool in self._pools.items():
            if of.labels:
                pool.now = self._now - self._allowed_late

    def save(self) -> list[Any]:
        """Plain values that `restore` makes the same memory of. Raises NotYet when the disk does not take them."""
        asleep = self._asleep.save() if self._asleep is not None else None
        self._let_labels_age()
        keys, pools = [list(keys.codes) for keys in self._keys.values()], [one.save() for one in self._pools.values()]
        return [self._now, keys, pools, self._waiting.save(), asleep]

    def restore(self, saved: Sequence[Any]) -> None:
        """Become what `save` told of. Raises, changing nothing, ValueError, KeyError or TypeError for anything else,
        Refused when what slept is not there, NotYet when it can't be had just now."""
        other = Memory(self._layout)
        now, keys, pools, waiting, asleep = saved
        if not abs(now) <= MOST_CLOCK:
            raise ValueError(f"a clock of {now} ns")
        for by, known in zip(self._keys, keys, strict=True):
            other._keys[by] = Keys([as_key(key) for key in known])
        for (of, pool), one in zip(other._pools.items(), pools, strict=True):
            pool.restore(one, len(other._keys[of.by]))
        other._waiting.restore(waiting, {by: len(known) for by, known in other._keys.items()})
        if self._asleep is not None:
            self._asleep.restore(asleep)
        elif asleep is not None:
            raise Refused("keys sleep in a file of the job that is not here")
        self._pools, self._keys, self._waiting, self._now = other._pools, other._keys, other._waiting, int(now)
