"""What there is to choose from: jobs, their streams, the streams' fields. All names in a request are checked here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from atipico.errors import Refused, nearest
from atipico.page import ask
from atipico.page.influx import Influx, Series
from atipico.wire.sample import JOB_TAG, SOURCE_TAG

SCORES, LABELS, PARTS = "scores", "labels", "parts"
_FRESH_S = 5.0


class Stream(NamedTuple):
    """A job and the measurement it scores. fields: name -> type. id_field: what its labels name a sample by, or ""."""

    job: str
    measurement: str
    fields: dict[str, str]
    tags: tuple[str, ...]
    id_field: str

    def numbers(self) -> list[str]:
        """Fields that can be drawn: numbers that are no ids and no times."""
        drawn = [name for name, kind in self.fields.items() if kind in ("float", "integer")]
        plain = [name for name in drawn if name != self.id_field and not name.endswith("_time")]
        return sorted(plain or drawn, key=lambda name: (self.fields[name] != "float", name))


class Unknown(Refused):
    """A job or field that is not there."""


class Names:
    """The jobs that have scores, asked for at most every 5 s."""

    def __init__(self, influx: Influx, id_fields: Iterable[str]) -> None:
        self._influx, self._id_fields = influx, tuple(id_fields)
        self._lock, self._asked = threading.Lock(), -_FRESH_S
        self._streams: dict[str, Stream] = {}
        self.measurements: list[str] = []

    def streams(self) -> dict[str, Stream]:
        """Job -> stream. Raises NotYet when the store is down."""
        with self._lock:
            if time.monotonic() - self._asked >= _FRESH_S:
                self._streams = self._ask()
                self._asked = time.monotonic()
            return self._streams

    def stream(self, job: str) -> Stream:
        """Raises Unknown, naming the nearest."""
        streams = self.streams()
        if job not in streams:
            raise Unknown(f"no job {job!r} has scores{nearest(job, streams)}")
        return streams[job]

    def field(self, stream: Stream, field: str) -> str:
        """The field, if it is a number of that stream. Raises Unknown, naming the nearest."""
        if stream.fields.get(field) not in ("float", "integer"):
            raise Unknown(f"{stream.measurement} has no number {field!r}{nearest(field, stream.numbers())}")
        return field

    def _ask(self) -> dict[str, Stream]:
        found, jobs = self._influx.ask(ask.measurements(), ask.tag_values(SCORES, JOB_TAG))
        self.measurements = [name for one in found for name in one.column("name")]
        named = [job for one in jobs for job in one.column("value")]
        where = [ask.tag_values(SCORES, SOURCE_TAG, ask.equals(JOB_TAG, job)) for job in named]
        sources = [[value for one in series for value in one.column("value")] for series in self._influx.ask(*where)]
        pairs = [(job, source[0]) for job, source in zip(named, sources, strict=True) if source]
        keys = self._influx.ask(*(show(source) for _, source in pairs for show in (ask.fields, ask.tags)))
        return {
            job: self._stream(job, source, keys[2 * at], keys[2 * at + 1]) for at, (job, source) in enumerate(pairs)
        }

    def _stream(self, job: str, measurement: str, fields: list[Series], tags: list[Series]) -> Stream:
        kinds = {row["fieldKey"]: row["fieldType"] for one in fields for row in one.rows()}
        keys = tuple(row["tagKey"] for one in tags for row in one.rows())
        return Stream(job, measurement, kinds, keys, next((name for name in self._id_fields if name in kinds), ""))
