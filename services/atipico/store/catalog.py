"""What is known of a database's measurements: the type of each field, for ever, and a number for each set of tags.

A sample that does not fit is refused alone, in InfluxDB's words. What is new is remembered at once and kept as
SQL (`take_news`) for whoever writes the tables; the schema stands in tables.py. Not for several threads at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from atipico.wire.lines import head
from atipico.wire.sample import Sample, Value

TYPES: dict[type, str] = {float: "float", int: "integer", bool: "boolean", str: "string"}
_KINDS = {name: kind for kind, name in TYPES.items()}
_REMEMBERED = 20_000  # tag sets of a measurement that are found by identity, without a look at what is in them
Statement = tuple[str, tuple[object, ...]]


class Limits(NamedTuple):
    """How much a database may hold."""

    series: int = 1_000_000
    fields: int = 1500  # of one measurement; SQLite holds 2000 columns
    measurements: int = 10_000
    name: int = 1024  # characters of a measurement's, tag's or field's name


class Measurement:
    """One measurement: the types and columns of its fields, and the numbers of its series seen lately."""

    def __init__(self, number: int, name: str) -> None:
        self.number, self.name = number, name
        self.kinds: dict[str, type] = {}
        self.columns: dict[str, int] = {}
        self.series: dict[int, tuple[Mapping[str, str], int]] = {}  # by id(tags); holding them keeps the id theirs


class Row(NamedTuple):
    """A sample as a row: values are its time (ns), the number of its series, and its fields in the order of names."""

    measurement: Measurement
    names: tuple[str, ...]
    values: tuple[Value, ...]


class Admitted(NamedTuple):
    """samples: those that fit, as they are kept, and their rows. refused: reason -> how many. whole: all, unchanged."""

    samples: Sequence[Sample]
    rows: list[Row]
    refused: Counter[str]
    whole: bool


class _Unfit(Exception):
    """Why a sample does not fit."""


_Place = tuple[Measurement, Mapping[str, Value], int]  # the fields to keep, and the number of the series


class Catalog:
    """The measurements, fields and series of one database."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._measurements: dict[str, Measurement] = {}
        self._series: dict[str, int] = {}
        self._last_measurement = self._last_series = 0
        self._news: list[Statement] = []

    def load(
        self,
        measurements: Sequence[tuple[int, str]],
        fields: Sequence[tuple[int, str, str, int]],
        series: Sequence[tuple[int, str]],
    ) -> None:
        """Take over what the tables know: (id, name), (measurement, name, type, position), (id, key)."""
        by_number = {number: Measurement(number, name) for number, name in measurements}
        for number, name, kind, position in fields:
            by_number[number].kinds[name] = _KINDS[kind]
            by_number[number].columns[name] = position
        self._measurements = {measurement.name: measurement for measurement in by_number.values()}
        self._series = {key: number for number, key in series}
        self._last_measurement = max(by_number, default=0)
        self._last_series = max(self._series.values(), default=0)

    def admit(self, samples: Sequence[Sample]) -> Admitted:
        """Sort out the samples that fit, and learn what is new in them."""
        rows: list[Row] = []
        kept: list[Sample] = []
        refused: Counter[str] = Counter()
        whole = True
        for sample in samples:
            try:
                measurement, fields, series = self._known(sample) or self._learn(sample)
            except _Unfit as reason:
                refused[str(reason)] += 1
                continue
            if fields is not sample.fields:
                sample, whole = sample._replace(fields=fields), False
            kept.append(sample)
            rows.append(Row(measurement, tuple(fields), (sample.time, series, *fields.values())))
        return Admitted(kept, rows, refused, whole and not refused)

    def take_news(self) -> list[Statement]:
        """The SQL of all that was learnt since the last call."""
        news, self._news = self._news, []
        return news

    def _known(self, sample: Sample) -> _Place | None:
        """Where a sample belongs that brings nothing new and fits; None for any other."""
        measurement = self._measurements.get(sample.measurement)
        if measurement is None or (known := measurement.series.get(id(sample.tags))) is None:
            return None
        kinds = measurement.kinds
        for name, value in sample.fields.items():
            if kinds.get(name) is not type(value):
                return None
        return measurement, sample.fields, known[1]

    def _learn(self, sample: Sample) -> _Place:
        """Where a sample belongs, after learning what is new in it. Raises _Unfit, and then nothing is learnt."""
        measurement = self._measurements.get(sample.measurement) or Measurement(0, sample.measurement)
        fields = self._fitting_fields(measurement, sample.fields)
        key = head(measurement.name, sample.tags)
        series = self._series.get(key)
        if series is None:
            self._check_new_series(measurement, sample.tags)
        if not measurement.number:
            measurement = self._new_measurement(measurement.name)
        for name, value in fields.items():
            if name not in measurement.kinds:
                self._new_field(measurement, name, type(value))
        if series is None:
            series = self._new_series(measurement, sample.tags, key)
        if len(measurement.series) >= _REMEMBERED:
            measurement.series.clear()
        measurement.series[id(sample.tags)] = (sample.tags, series)
        return measurement, fields, series

    def _fitting_fields(self, measurement: Measurement, fields: Mapping[str, Value]) -> Mapping[str, Value]:
        """The fields to keep: all but `time`, which is no field's name. Raises _Unfit when one does not fit."""
        where = f'on measurement "{measurement.name}"'
        kept = {name: value for name, value in fields.items() if name != "time"} if "time" in fields else fields
        if not kept:
            raise _Unfit(f'invalid field name: input field "time" {where} is invalid')
        for name, value in kept.items():
            self._check_name("field", name)
            if (kind := measurement.kinds.get(name, type(value))) is not type(value):
                raise _Unfit(
                    f'field type conflict: input field "{name}" {where} is type {TYPES[type(value)]}, '
                    f"already exists as type {TYPES[kind]}"
                )
        if len(measurement.kinds.keys() | kept.keys()) > self.limits.fields:
            raise _Unfit(f"too many fields {where}: at most {self.limits.fields}; let what varies be a value")
        return kept

    def _check_new_series(self, measurement: Measurement, tags: Mapping[str, str]) -> None:
        if "time" in tags:
            raise _Unfit(f'invalid tag key: input tag "time" on measurement "{measurement.name}" is invalid')
        for name in tags:
            self._check_name("tag", name)
        if len(self._series) >= self.limits.series:
            raise _Unfit(f"max-series-per-database limit exceeded: ({self.limits.series})")
        if not measurement.number:
            self._check_name("measurement", measurement.name)
            if len(self._measurements) >= self.limits.measurements:
                raise _Unfit(f"too many measurements: at most {self.limits.measurements}; let what varies be a tag")

    def _new_measurement(self, name: str) -> Measurement:
        self._last_measurement += 1
        measurement = self._measurements[name] = Measurement(self._last_measurement, name)
        table = f"m{measurement.number}(t INTEGER, s INTEGER, PRIMARY KEY(t, s)) WITHOUT ROWID"
        self._news.append(("INSERT INTO measurement(id, name) VALUES(?, ?)", (measurement.number, name)))
        self._news.append((f"CREATE TABLE {table}", ()))
        return measurement

    def _new_field(self, measurement: Measurement, name: str, kind: type) -> None:
        position = len(measurement.columns)
        measurement.kinds[name], measurement.columns[name] = kind, position
        row = (measurement.number, name, TYPES[kind], position)
        self._news.append(("INSERT INTO field(measurement, name, type, position) VALUES(?, ?, ?, ?)", row))
        self._news.append((f"ALTER TABLE m{measurement.number} ADD COLUMN f{position}", ()))

    def _new_series(self, measurement: Measurement, tags: Mapping[str, str], key: str) -> int:
        self._last_series += 1
        self._series[key] = self._last_series
        row = (self._last_series, measurement.number, key, orjson.dumps(tags).decode())
        self._news.append(("INSERT INTO series(id, measurement, key, tags) VALUES(?, ?, ?, ?)", row))
        return self._last_series

    def _check_name(self, kind: str, name: str) -> None:
        if len(name) > self.limits.name:
            raise _Unfit(f'{kind} name "{name[:40]}…" has {len(name)} characters, at most {self.limits.name} are kept')
