"""A body from /write to the log and to the rows of a query: what was accepted is in both, as it was written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atipico.errors import Refused
from atipico.store.databases import Databases
from atipico.store.query import answer
from atipico.store.settings import StoreSettings
from atipico.wire.influxql import write as influxql
from atipico.wire.influxql.tree import Column, From, Name, Select, Wildcard
from atipico.wire.lines import parse
from atipico.wire.sample import Sample
from fuzz.folders import scratch
from fuzz.targets.lines import WORDS as LINES
from fuzz.targets.lines import exactly

WORDS = [
    *LINES,
    b"m,a=1 v=1 1\n",
    b"m,a=1 v=2i 1\n",
    b'm" v=1 1\n',
    b"m;DROP v=1\n",
    b"time=1",
    b"m\\ 1,time=1 v=1 2\n",
]
LONGEST = 1000
_NOW = 4_000_000_000_000_000_000


def attack(data: bytes) -> None:
    folder = scratch()
    os.environ["ATIPICO_RUN"] = str(folder)
    databases = Databases(StoreSettings(data=str(folder / "data"), series=50, fields=20))
    try:
        check(databases, data)
    finally:
        databases.close()
        shutil.rmtree(folder)


def check(databases: Databases, body: bytes) -> None:
    database = databases.get("atipico")
    written = database.write(body)
    parsed = parse(body, now=_NOW, known=None)
    assert written.unread == len(parsed.refused)
    assert written.accepted.total() + written.unfit.total() == len(parsed.samples)
    assert bool(written.complaint()) == bool(written.unread or written.unfit)
    logged: list[Sample] = []
    for name in written.accepted:
        block = database.log.read(database.log.oldest, name, 2**30)
        found = parse(block.lines, now=0, known=None)
        assert (found.refused, len(found.samples)) == ([], written.accepted[name])
        logged += found.samples
    if not written.unfit and all(sample.time < _NOW for sample in parsed.samples):
        timeless = [one._replace(fields=_without_time(one.fields)) for one in parsed.samples]
        assert sorted(map(_plain, logged)) == sorted(map(_plain, timeless))
    for name in written.accepted:
        _check_rows(databases, name, [one for one in logged if one.measurement == name])


def _without_time(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A field of that name is dropped where there are others, as InfluxDB does it."""
    return {name: value for name, value in fields.items() if name != "time"}


def _check_rows(databases: Databases, measurement: str, samples: Iterable[Sample]) -> None:
    """Field by field the last one written, under its tags and time."""
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    names: set[str] = set()
    tags: set[str] = set()
    for sample in samples:
        expected.setdefault((*sample.tags.items(), sample.time), {}).update(sample.fields)
        names |= set(sample.fields)
        tags |= set(sample.tags)
    if tags & names or any(name.lower() == "time" for name in tags | names):  # InfluxDB takes these for others
        return
    statement = Select((Column(Wildcard("field")),), (From(measurement),), dimensions=tuple(map(Name, sorted(tags))))
    result = answer(databases, influxql(statement), "atipico", "ns", _NOW, "GET")["results"][0]
    if "error" in result:
        raise Refused(f"{measurement!r}: {result}")
    found = {key: fields for series in result.get("series", []) for key, fields in _rows(series)}
    assert found == expected


def _rows(series: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    tags = [(name, value) for name, value in sorted(series.get("tags", {}).items()) if value]
    for at, *values in series["values"]:
        fields = zip(series["columns"][1:], values, strict=True)
        yield (*tags, at), {name: value for name, value in fields if value is not None}


def _plain(sample: Sample) -> str:
    return repr(exactly(sample))
