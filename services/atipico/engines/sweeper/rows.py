"""A job's samples and labels as InfluxDB has them, in the order of their time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from atipico.engines.kapacitor.influx import Influx, measurement, quoted, text
from atipico.registry.jobs import Job
from atipico.stream.outcomes import OutcomeLines
from atipico.wire import lines
from atipico.wire.points import GroupOf, PointWriter, series_of
from atipico.wire.sample import JOB_TAG, SOURCE_TAG, Sample

_WRITTEN_S, _TIMES = (
    0.1,
    10,
)  # for so long at most InfluxDB is at a row, where it has a core to do it; how often is looked


class Row(NamedTuple):
    """time: ns. head: measurement and tags of a sample's outcome, "" for a label. group: as Kapacitor names it."""

    time: int
    head: str
    group: str
    point: bytes

    @property
    def place(self) -> tuple[int, bool, int, str]:
        """By time and series; a label behind the samples of its time."""
        return (self.time, not self.head, series_of(self.group), self.head)


class Rows:
    """Reads what the agent is given for a job. group: what the groups of its stream are called."""

    def __init__(self, job: Job, influx: Influx, policy: str, group: GroupOf) -> None:
        self._job, self._influx, self._policy, self._group = job, influx, policy, group
        self._outcomes, self._points = OutcomeLines(job.name, job.scores), PointWriter(job.database, group)
        self._types = dict[str, dict[str, str]]()

    def read(self, begin: int, end: int) -> list[Row]:
        """Samples and labels from `begin` to before `end`, ns, in their order. Raises NotYet, Refused."""
        rows = self.samples(begin, end)
        if self._job.labels:
            told = self._read(self._job.labels.stream, begin, end)
            rows += [
                Row(one.time, "", "", self._points.write(one))
                for one in told
                if one.tags.get(SOURCE_TAG, self._job.stream) == self._job.stream
            ]
        rows.sort(key=lambda row: row.place)
        return rows

    def samples(self, begin: int, end: int) -> list[Row]:
        """Samples alone, in no order."""
        head, write = self._outcomes.head, self._points.write
        return [
            Row(one.time, head(one.measurement, one.tags), self._group(one.tags)[0], write(one))
            for one in self._read(self._job.stream, begin, end)
        ]

    def count(self, begin: int, end: int) -> int:
        """How many samples there are, or fewer: values of the field that most of them have."""
        source = measurement(self._job.database, self._policy, self._job.stream)
        asked = f"SELECT count(*::field) FROM {source} WHERE time >= {begin} AND time < {end}"  # noqa: S608
        return max((many or 0 for one in self._influx.select(asked) for many in one["values"][0][1:]), default=0)

    def times(self, begin: int, end: int) -> Iterator[int]:
        """Those of the samples alone."""
        return (row[0] for series in self._shown(self._job.stream, begin, end) for row in series["values"])

    def told(self, begin: int, end: int) -> set[tuple[int, str]]:
        """Time and head of the outcomes that there are."""
        job = self._job
        source = measurement(job.database, self._policy, job.scores)
        asked = (
            f'SELECT "scored" FROM {source} WHERE {outcomes_of(job)} AND time >= {begin} AND time < {end} GROUP BY *'  # noqa: S608
        )
        return {
            (row[0], lines.head(job.scores, _tags(series)))
            for series in self._influx.select(asked)
            for row in series["values"]
        }

    def _series(self, stream: str, begin: int, end: int) -> list[dict[str, Any]]:
        """What InfluxDB has of a measurement, by series, each in the order of its time.

        It shows a row field by field while it is written: where some lack a field it looks again, until they stay so.
        """
        shown = self._shown(stream, begin, end)
        for _ in range(_TIMES):
            if not _lacks(shown):
                break
            time.sleep(_WRITTEN_S)
            before, shown = shown, self._shown(stream, begin, end)
            if shown == before:
                break
        return shown

    def _shown(self, stream: str, begin: int, end: int) -> list[dict[str, Any]]:
        source = measurement(self._job.database, self._policy, stream)
        return self._influx.select(
            f"SELECT *::field FROM {source} WHERE time >= {begin} AND time < {end} GROUP BY *"  # noqa: S608
        )

    def _read(self, stream: str, begin: int, end: int) -> Iterator[Sample]:
        for series in self._series(stream, begin, end):
            names, tags = series["columns"][1:], _tags(series)
            whole = [name for name in names if self._type(stream, name) == "float"]
            for at, *values in series["values"]:
                fields: dict[str, Any] = {
                    name: value for name, value in zip(names, values, strict=True) if value is not None
                }
                for name in whole:  # JSON does not tell 3.0 from 3
                    if name in fields:
                        fields[name] = float(fields[name])
                yield Sample(stream, tags, fields, at)

    def _type(self, stream: str, field: str) -> str:
        if field not in self._types.get(stream, {}):
            self._types[stream] = self._influx.fields(self._job.database, stream)
        return self._types[stream].get(field, "")


def outcomes_of(job: Job) -> str:
    """Which rows of the measurement of its outcomes are a job's, as InfluxQL asks it."""
    return f"{quoted(JOB_TAG)} = {text(job.name)} AND {quoted(SOURCE_TAG)} = {text(job.stream)}"


def _lacks(shown: list[dict[str, Any]]) -> bool:
    """Whether a row does not have all fields of its measurement."""
    return any(None in row for series in shown for row in series["values"])


def _tags(series: dict[str, Any]) -> dict[str, str]:
    """InfluxDB names every tag of the measurement, with nothing for those that a series does not have."""
    return {name: value for name, value in sorted(series.get("tags", {}).items()) if value}
