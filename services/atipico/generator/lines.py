"""A batch becomes lines: each sample and label gets a time of its own, later than all before it."""

from __future__ import annotations

from typing import NamedTuple

from atipico.errors import Refused
from atipico.metrics import REFUSED
from atipico.ports import Batch
from atipico.wire.lines import write
from atipico.wire.sample import SOURCE_TAG, TOLD_BY_TAG, Sample

LABELS = "labels"


class Lines(NamedTuple):
    """lines: line protocol with ns times. samples, labels: how many of each are in it. last: the newest time, ns."""

    lines: bytes
    samples: int
    labels: int
    last: int


def to_lines(batch: Batch, measurement: str, now: int, last: int) -> Lines:
    """Write a batch with the times now, now + 1, ... ns; when that is not after `last`, with last + 1, ...

    So times grow strictly whatever the clock does. A label becomes a point of `labels`: fields id and
    label, tags source = the measurement and told_by = time. What line protocol has no form for is counted as refused.
    """
    first = max(now, last + 1)
    samples = [Sample(measurement, tags, fields, first + i) for i, (tags, fields) in enumerate(batch.rows)]
    first += len(samples)
    tags = {SOURCE_TAG: measurement, TOLD_BY_TAG: "time"}
    labels = [Sample(LABELS, tags, label._asdict(), first + i) for i, label in enumerate(batch.labels)]
    try:
        lines, written = write([*samples, *labels]), len(samples)
    except Refused:
        each = [_line(sample) for sample in samples]
        lines = b"".join([*each, *map(_line, labels)])
        written = sum(map(bool, each))
    return Lines(lines, written, len(labels), first + len(labels) - 1)


def _line(sample: Sample) -> bytes:
    try:
        return write([sample])
    except Refused:
        REFUSED.labels("no form in line protocol").inc()
        return b""
