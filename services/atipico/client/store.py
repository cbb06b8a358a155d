"""A database of the store, or of a real InfluxDB 1.x: lines go in, tables come out."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from atipico.answer import Answered
from atipico.client.far import Far
from atipico.client.names import Unknown
from atipico.errors import NotYet, Refused
from atipico.wire.influxql import write as to_text
from atipico.wire.influxql.tree import CreateDatabase, From, Show
from atipico.wire.lines import write as to_lines
from atipico.wire.sample import Sample

_AT_ONCE = 5000  # samples in a request
_KNOWN_S = 5.0  # how long a stream's fields are remembered


class Table(NamedTuple):
    """Rows of one measurement that share their tags. values: one list a row; times are ns."""

    name: str
    tags: dict[str, str]
    columns: list[str]
    values: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        at = self.columns.index(name)
        return [row[at] for row in self.values]


class Store:
    """One database behind `far`."""

    def __init__(self, far: Far, database: str) -> None:
        self.far, self.database = far, database
        self._fields: dict[str, tuple[float, dict[str, str]]] = {}

    def write(self, samples: Sequence[Sample]) -> None:
        """Returns when all are on disk. Raises NotYet or Refused, saying how many were taken before."""
        for first in range(0, len(samples), _AT_ONCE):
            lines = to_lines(samples[first : first + _AT_ONCE])
            before = f"; {first} of {len(samples)} samples were written before" if first else ""
            try:
                self.far.ask("POST", "/write", {"db": self.database, "precision": "ns"}, lines)
            except NotYet as error:
                raise NotYet(f"{error}{before}", error.retry_after_s) from error
            except Answered as error:
                raise self._helped(f"{error}{before}") from error

    def ask(self, q: str) -> list[Table]:
        """The tables of one statement. By POST, so that it may be long, and may change something."""
        try:
            answer = self.far.ask("POST", "/query", {"db": self.database, "epoch": "ns"}, {"q": q})
        except Answered as error:
            raise self._helped(str(error)) from error
        try:
            results = orjson.loads(answer.content)["results"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Refused(f"{self.far.url} is no InfluxDB of version 1: it answered {answer.content[:80]!r}") from error
        for result in results:
            if "error" in result:
                raise self._helped(f"{self.far.name} at {self.far.url}: {result['error']}")
        if len(results) != 1:
            raise Refused(f"{len(results)} statements at once; ask one at a time")
        series = results[0].get("series", [])
        if any(one.get("partial") for one in series):
            raise Refused(
                "only the first rows came (the server's max-row-limit); ask for a shorter time or add a LIMIT"
            )
        return [
            Table(one.get("name", ""), one.get("tags") or {}, one["columns"], one.get("values", [])) for one in series
        ]

    def _helped(self, told: str) -> Refused:
        """What the store said, with the cure where it is a known one."""
        if "database not found" in told:
            make = to_text(CreateDatabase(self.database))
            there = ", ".join(name for table in self.ask("SHOW DATABASES") for name in table.column("name"))
            return Unknown(f"{told}; there is {there or 'none yet'}; Client.query('{make}') makes it")
        if "dbrp" in told.lower():
            return Refused(f"{told}; InfluxDB 2.x knows a database by its mapping to a bucket (docs/existing.md)")
        if keyword := re.search(r"found ([A-Z]+), expected identifier", told):
            return Refused(f'{told}; a name that is a word of InfluxQL stands in double quotes: "{keyword[1].lower()}"')
        return Refused(told)

    def streams(self) -> list[str]:
        """The names of all measurements."""
        return [name for table in self.ask(to_text(Show("measurements"))) for name in table.column("name")]

    def fields(self, stream: str) -> dict[str, str]:
        """Field -> float, integer, boolean or string; {} for a stream that is not there. Remembered for 5 s."""
        asked, types = self._fields.get(stream, (0.0, {}))
        if not types or time.monotonic() - asked > _KNOWN_S:
            tables = self.ask(to_text(Show("field keys", sources=(From(stream),))))
            types = {name: kind for one in tables for name, kind in one.values}
            self._fields[stream] = (time.monotonic(), types)
        return types

    def tags(self, stream: str) -> list[str]:
        tables = self.ask(to_text(Show("tag keys", sources=(From(stream),))))
        return [name for table in tables for name in table.column("tagKey")]
