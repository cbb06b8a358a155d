"""How good the scores of a job were, by what is known by now: outcomes, samples and labels joined by id."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from atipico.client.ids import find_id_field
from atipico.client.known import UNKNOWN, KnownLabels
from atipico.client.names import known
from atipico.client.outcomes import every
from atipico.client.pages import equal, pages, within
from atipico.client.reads import SCORES, check_job
from atipico.client.store import Store, Table
from atipico.learn.quality import precision_at_k
from atipico.learn.ranking import auc, average_precision
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, Value, sample_tags

_DAY = 86_400 * 10**9
_CLOCK = "event_time"  # a recorded sample's own time
_OUTCOME = ("score", "anomalous", "version", "scored")
_Tags = tuple[tuple[str, str], ...]


class Told(NamedTuple):
    """Outcomes, an array (n,) each. label: 1, 0 or UNKNOWN. day: of the sample's own clock. key: of that field, if any.

    version: the number of one of `versions`.
    """

    score: np.ndarray
    anomalous: np.ndarray
    scored: np.ndarray
    version: np.ndarray
    label: np.ndarray
    day: np.ndarray
    key: np.ndarray


def evaluate(
    store: Store,
    job: str,
    last_ns: int,
    k: int,
    key: str = "",
    id_field: str = "",
    labels: str = "labels",
    step: Callable[[int], object] = lambda rows: None,
) -> dict[str, Any]:
    """Figures of all outcomes of the last such while, and of each version's. Raises Unknown for a job without any.

    k: how many people look at a day. key: the field that these are of, such as customer; a sample each unless given.
    """
    now = time.time_ns()
    versions: dict[str, int] = {}
    keys: dict[Value | None, int] = {}
    parts = [
        part
        for stream in check_job(store, job)
        for part in _Joined(store, job, stream, (now - last_ns, now), id_field, key, labels, step).read(versions, keys)
    ]
    told = Told(*(np.concatenate(column) for column in zip(_nothing(), *parts, strict=True)))
    by_version = {name: figures(_only(told, told.version == at), k, bool(key)) for name, at in versions.items()}
    return {"job": job, "k": k, **figures(told, k, bool(key)), "by_version": by_version}


def figures(told: Told, k: int, keyed: bool) -> dict[str, Any]:
    """What is told of outcomes; None for what can't be told. Precision and all that follows are of labelled ones.

    alerts: flagged, with a label or without. recall: the share of known anomalies that were flagged. precision_at_k:
    see learn/quality.py; the mean over `days`, those that have a label.
    """
    good = _only(told, told.scored)
    judged = _only(good, good.label != UNKNOWN)
    true, flagged = judged.label == 1, judged.anomalous
    days = precision_at_k(judged.score, judged.label, judged.day, judged.key if keyed else None, k)
    return {
        "samples": len(told.score),
        "unscored": len(told.score) - len(good.score),
        "labelled": len(judged.score),
        "unlabelled": len(good.score) - len(judged.score),
        "anomalies": int(true.sum()),
        "alerts": int(good.anomalous.sum()),
        "labelled_alerts": int(flagged.sum()),
        "precision": float(true[flagged].mean()) if flagged.any() else None,
        "recall": float(flagged[true].mean()) if true.any() else None,
        "auc": auc(judged.score, true),
        "average_precision": average_precision(judged.score, true),
        "precision_at_k": float(days.mean()) if len(days) else None,
        "days": len(days),
    }


class _Joined:
    """Outcomes of one stream beside their samples and labels, some at a time."""

    def __init__(
        self,
        store: Store,
        job: str,
        stream: str,
        span: tuple[int, int],
        id_field: str,
        key: str,
        labels: str,
        step: Callable[[int], object],
    ) -> None:
        fields = store.fields(stream)
        if key:
            known("field or tag", key, [*fields, *store.tags(stream)], f"stream {stream!r}")
        self._store, self._stream, self._step = store, stream, step
        self._columns = (find_id_field(stream, fields, id_field), key or None, _CLOCK if _CLOCK in fields else None)
        self._tags, self._told_tags = sorted(store.tags(stream)), store.tags(SCORES)
        self._where = every(within(*span), equal(JOB_TAG, job), equal(SOURCE_TAG, stream))
        self._known = KnownLabels(store, stream, labels, span[0])
        self._kept: dict[tuple[str | None, ...], _Tags] = {}

    def read(self, versions: dict[str, int], keys: dict[Value | None, int]) -> list[Told]:
        """versions, keys: number by name; those that are new are added."""
        columns = [*_OUTCOME, *self._told_tags]
        return [self._join(table, versions, keys) for table in pages(self._store, SCORES, columns, self._where)]

    def _join(self, table: Table, versions: dict[str, int], keys: dict[Value | None, int]) -> Told:
        times = table.column("time")
        samples = self._samples(times[0], times[-1])
        first = 1 + len(_OUTCOME)
        found = [samples.get((row[0], self._of(row[first:])), _NONE) for row in table.values]
        ids, key, clock = zip(*found, strict=True)
        own = [time if at is None else at for time, at in zip(times, clock, strict=True)]
        self._step(len(times))
        return Told(
            np.array(table.column("score"), dtype=np.float64),
            np.array(table.column("anomalous"), dtype=bool),
            np.array(table.column("scored"), dtype=bool),
            np.array([versions.setdefault(name, len(versions)) for name in table.column("version")], dtype=np.int32),
            self._known.of(ids),
            np.array(own, dtype=np.int64) // _DAY,
            np.array([keys.setdefault(name, len(keys)) for name in key], dtype=np.int64),
        )

    def _samples(self, first: int, last: int) -> dict[tuple[int, _Tags], tuple[Any, ...]]:
        """Id, key and clock of the samples from one time to another, by time and tags."""
        named = [name for name in self._columns if name is not None]
        at = [None if name is None else 1 + named.index(name) for name in self._columns]
        samples = {}
        for table in pages(self._store, self._stream, [*named, *self._tags], within(first, last + 1)):
            for row in table.values:
                tags = tuple(
                    (name, value) for name, value in zip(self._tags, row[1 + len(named) :], strict=True) if value
                )
                samples[row[0], tags] = tuple(None if one is None else row[one] for one in at)
        return samples

    def _of(self, tags: Sequence[str | None]) -> _Tags:
        """The tags of the sample whose outcome has these."""
        if (kept := self._kept.get(tuple(tags))) is None:
            told = {name: value for name, value in zip(self._told_tags, tags, strict=True) if value}
            kept = self._kept[tuple(tags)] = tuple(sorted(sample_tags(told).items()))
        return kept


_NONE = (None, None, None)


def _only(told: Told, which: np.ndarray) -> Told:
    return Told(*(column[which] for column in told))


def _nothing() -> Told:
    kinds = (np.float64, bool, bool, np.int32, np.int8, np.int64, np.int64)
    return Told(*(np.zeros(0, dtype=kind) for kind in kinds))
