"""Outcomes beside their samples and what is known of them, some thousand at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from atipico.client.ids import find_id_field
from atipico.client.known import KnownLabels
from atipico.client.names import known
from atipico.client.outcomes import every
from atipico.client.pages import equal, pages, within
from atipico.client.reads import SCORES
from atipico.client.store import Store, Table
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, Value, sample_tags

_DAY = 86_400 * 10**9
_CLOCK = "event_time"  # a recorded sample's own time
_OUTCOME = ("score", "anomalous", "version", "scored")
_NONE = (None, None, None)
_Tags = tuple[tuple[str, str], ...]


class Told(NamedTuple):
    """Outcomes, an array (n,) each.

    label: 1, 0 or UNKNOWN. version: a number for its name. day: of the sample's own clock. key: a number for what the
    field holds that keys are of, the same for all where none was given.
    """

    score: np.ndarray
    anomalous: np.ndarray
    scored: np.ndarray
    version: np.ndarray
    label: np.ndarray
    day: np.ndarray
    key: np.ndarray

    def only(self, which: np.ndarray) -> Told:
        """Those of a mask, bool (n,)."""
        return Told(*(column[which] for column in self))


NOTHING = Told(*(np.zeros(0, of) for of in (np.float64, bool, bool, np.int32, np.int8, np.int64, np.int64)))


class Joined:
    """Reads the outcomes of several streams.

    key: a field or tag of the samples, or "". versions: the number that each version has got. step: gets the number of
    outcomes of each answer.
    """

    def __init__(self, store: Store, id_field: str, key: str, labels: str, step: Callable[[int], object]) -> None:
        self._store, self._id_field, self._key, self._labels, self._step = store, id_field, key, labels, step
        self.versions: dict[str, int] = {}
        self._keys: dict[Value | None, int] = {}
        self._told_tags = store.tags(SCORES)
        self._series: dict[tuple[str | None, ...], _Tags] = {}

    def read(self, job: str, stream: str, start: int, stop: int) -> Iterator[Told]:
        """The outcomes of one stream from one time (ns) up to before another, in parts."""
        fields, tags = self._store.fields(stream), self._store.tags(stream)
        if self._key:
            known("field or tag", self._key, [*fields, *tags], f"stream {stream!r}")
        wanted = (
            find_id_field(stream, fields, self._id_field),
            self._key or None,
            _CLOCK if _CLOCK in fields else None,
        )
        labels = KnownLabels(self._store, stream, self._labels, start)
        where = every(within(start, stop), equal(JOB_TAG, job), equal(SOURCE_TAG, stream))
        for table in pages(self._store, SCORES, [*_OUTCOME, *self._told_tags], where):
            times = table.column("time")
            samples = self._samples(stream, wanted, tags, times[0], times[-1])
            yield self._join(table, times, samples, labels)
            self._step(len(times))

    def _join(
        self, table: Table, times: list[int], samples: dict[tuple[int, _Tags], tuple[Any, ...]], labels: KnownLabels
    ) -> Told:
        tags = [self._tags_of(row[1 + len(_OUTCOME) :]) for row in table.values]
        ids, key, clock = zip(*(samples.get(one, _NONE) for one in zip(times, tags, strict=True)), strict=True)
        own = [time if at is None else at for time, at in zip(times, clock, strict=True)]
        versions, keys = self.versions, self._keys
        return Told(
            np.array(table.column("score"), dtype=np.float64),
            np.array(table.column("anomalous"), dtype=bool),
            np.array(table.column("scored"), dtype=bool),
            np.array([versions.setdefault(name, len(versions)) for name in table.column("version")], dtype=np.int32),
            labels.of(ids),
            np.array(own, dtype=np.int64) // _DAY,
            np.array([keys.setdefault(one, len(keys)) for one in key], dtype=np.int64),
        )

    def _samples(
        self, stream: str, wanted: Sequence[str | None], tags: Sequence[str], first: int, last: int
    ) -> dict[tuple[int, _Tags], tuple[Any, ...]]:
        """What is wanted of each sample from one time to another, by its time and tags."""
        named = list(dict.fromkeys(name for name in wanted if name is not None))
        series: dict[tuple[str | None, ...], _Tags] = {}
        samples: dict[tuple[int, _Tags], tuple[Any, ...]] = {}
        for table in pages(self._store, stream, [*named, *tags], within(first, last + 1)):
            held = [tuple(row[1 + len(named) :]) for row in table.values]
            for one in set(held) - series.keys():
                series[one] = tuple(sorted((name, value) for name, value in zip(tags, one, strict=True) if value))
            keys = zip(table.column("time"), [series[one] for one in held], strict=True)
            columns = [repeat(None, len(held)) if name is None else table.column(name) for name in wanted]
            samples.update(zip(keys, zip(*columns, strict=True), strict=True))
        return samples

    def _tags_of(self, told: Sequence[str | None]) -> _Tags:
        """The tags of the sample whose outcome has these."""
        if (tags := self._series.get(tuple(told))) is None:
            there = {name: value for name, value in zip(self._told_tags, told, strict=True) if value}
            tags = self._series[tuple(told)] = tuple(sorted(sample_tags(there).items()))
        return tags
