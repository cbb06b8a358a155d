"""What a stream's samples are, and the outcome of each where nothing ever happens: source, windows, model, at once."""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import Any, NamedTuple

from atipico.agent.work import judged
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.registry.jobs import load_job
from atipico.registry.models import load
from atipico.registry.scorer import ModelScorer
from atipico.registry.shelf import versions
from atipico.sources import make

AT_ONCE = 1000  # rows; about two days of this world
_AHEAD = 100  # times as many


class Expected(NamedTuple):
    """What a sample must become. row: its place in the source, from 0."""

    row: int
    score: float
    threshold: float
    anomalous: bool


def options(seed: int) -> dict[str, object]:
    """Of the source `payments`: a world so small that windows of days fill in seconds, 480 samples a day.

    Labels come a week sooner than the job counts them, so that their place among the samples, which depends on
    how these were put into blocks, makes no difference.
    """
    return {"seed": seed, "customers": 200, "terminals": 100, "label_delay": "1h"}


class Undisturbed:
    """The samples of a seed by id, worked out as far as they are asked for."""

    def __init__(self, seed: int, job: Path, models: Path) -> None:
        self._source, self._position = make("payments", **options(seed)), dict[str, Any]()
        spec = load_job(job)
        self._known = Plan(spec.features, spec.clock, spec.labels)
        self._scorer = ModelScorer(load(next(one for one in versions(models) if one.parent.name == spec.model)))
        self._ids: list[int] = []
        self._by_id: dict[int, Expected] = {}

    def __getitem__(self, row: int) -> int:
        """The id of the sample in a place of the source."""
        while row >= len(self._ids):
            self._more()
        return self._ids[row]

    def get(self, id: int) -> Expected | None:
        """What becomes of the sample of an id; None for one that is not among the first samples nor near them.

        Ids grow along the source.
        """
        for _ in range(_AHEAD):
            if id in self._by_id or (self._ids and self._ids[-1] > id):
                break
            self._more()
        return self._by_id.get(id)

    def _more(self) -> None:
        batch = self._source.read(self._position, AT_ONCE)
        self._position = batch.after
        first, rows = len(self._ids), [fields for _, fields in batch.rows]
        columns = {name: [fields[name] for fields in rows] for name in self._known.needs}
        ids, values = [label.id for label in batch.labels], [label.label for label in batch.labels]
        labels = Labels(ids, values, [len(rows)] * len(ids))
        groups = [f"shard={tags['shard']}" for tags, _ in batch.rows]
        times = range(first, first + len(rows))
        told = judged(self._known, self._scorer, times, groups, columns, labels).scores
        for at, (fields, one) in enumerate(zip(rows, told, strict=True)):
            self._ids.append(fields["transaction_id"])
            self._by_id[fields["transaction_id"]] = Expected(first + at, one.score, one.threshold, one.anomalous)


def near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=0.0, abs_tol=1e-6)


def mixed(*words: object) -> int:
    """A seed made of words, the same on every machine."""
    return struct.unpack("<I", hashlib.sha256(repr(words).encode()).digest()[:4])[0]
