"""What a query reads of a database before its points: measurements, their fields, their series."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

import orjson

from atipico.errors import Refused
from atipico.store import regex
from atipico.wire.influxql.tree import From, Regex

POLICY = "autogen"  # the one retention policy there is


class Field(NamedTuple):
    """type: float, integer, boolean or string. column: its name in SQL, made of its position alone."""

    type: str
    column: str


class Series(NamedTuple):
    id: int
    tags: Mapping[str, str]


class Measurement:
    """One measurement of an open database, as it is in the transaction of `db`."""

    def __init__(self, db: sqlite3.Connection, number: int, name: str) -> None:
        self.db, self.name = db, name
        self.table = f"m{number:d}"
        self._number = number

    @cached_property
    def fields(self) -> dict[str, Field]:
        """By name, in the order of names."""
        found = self.db.execute("SELECT name, type, position FROM field WHERE measurement = ?", (self._number,))
        return {name: Field(kind, f"f{position:d}") for name, kind, position in sorted(found)}

    @cached_property
    def series(self) -> list[Series]:
        """In the order in which they were first written."""
        found = self.db.execute("SELECT id, tags FROM series WHERE measurement = ? ORDER BY id", (self._number,))
        return [Series(number, orjson.loads(tags)) for number, tags in found]

    @cached_property
    def tags(self) -> list[str]:
        """The names of all tags, sorted."""
        return sorted({name for series in self.series for name in series.tags})

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        """The types of its fields by name; of its tags "tag"."""
        return dict.fromkeys(self.tags, "tag") | {name: field.type for name, field in self.fields.items()}

    @cached_property
    def ends(self) -> tuple[int, int] | None:
        """The times of the first and the last point, None when there is no point."""
        first, last = (
            self.db.execute(f"SELECT {end}(t) FROM {self.table}").fetchone()[0]  # noqa: S608  # our own words
            for end in ("min", "max")
        )
        return None if first is None else (first, last)


def measurements(db: sqlite3.Connection, sources: Iterable[From] = ()) -> list[Measurement]:
    """Those that the sources name, or all; sorted by name. One that is not there is left out, as in InfluxDB."""
    known = dict(db.execute("SELECT name, id FROM measurement").fetchall())
    wanted: set[str] = set(known) if not sources else set()
    for source in sources:
        if source.policy not in (None, POLICY):
            raise Refused(f"retention policy not found: {source.policy}")
        if isinstance(source.name, Regex):
            wanted |= regex.matching(source.name.pattern, known)
        else:
            wanted |= {source.name} & known.keys()
    return [Measurement(db, known[name], name) for name in sorted(wanted)]
