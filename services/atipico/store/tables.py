"""The tables for queries, in SQLite: folded from the log, with the offset up to which they are, in one transaction.

meta(key, value); measurement(id, name); field(measurement, name, type, position); series(id, measurement, key, tags);
and for each measurement m<id>(t, s, f0, f1, ...): t in ns, s the series, f<position> the field; booleans are 0 and 1.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from atipico.errors import Refused
from atipico.store.catalog import Catalog, Measurement, Row, Statement

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS measurement(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS field(
    measurement INTEGER, name TEXT, type TEXT, position INTEGER, PRIMARY KEY(measurement, name));
CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, measurement INTEGER, key TEXT UNIQUE, tags TEXT);
CREATE INDEX IF NOT EXISTS series_of ON series(measurement);
"""
_Group = tuple[Measurement, tuple[str, ...]]


class Tables:
    """The one connection that writes; `path` is what others open to read. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        try:
            self.db.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=NORMAL")  # a power cut may undo the last folds; the log has them
            self.db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise Refused(f"{path}: {error}; move it away, and it is made anew of what the log holds") from error

    def load(self, catalog: Catalog) -> None:
        """Tell the catalog what is here."""
        catalog.load(
            self.db.execute("SELECT id, name FROM measurement").fetchall(),
            self.db.execute("SELECT measurement, name, type, position FROM field ORDER BY position").fetchall(),
            self.db.execute("SELECT id, key FROM series").fetchall(),
        )

    def folded(self) -> int | None:
        """Up to which offset of the log these tables are; None when nothing was folded yet."""
        row = self.db.execute("SELECT value FROM meta WHERE key = 'folded'").fetchone()
        return int(row[0]) if row else None

    def newest(self) -> dict[int, int]:
        """The newest time (ns) of each measurement that has rows, by its number."""
        numbers = [number for (number,) in self.db.execute("SELECT id FROM measurement").fetchall()]
        times = {number: self.db.execute(f"SELECT max(t) FROM m{number}").fetchone()[0] for number in numbers}  # noqa: S608
        return {number: time for number, time in times.items() if time is not None}

    def fold(self, news: Sequence[Statement], rows: Sequence[Row], offset: int) -> None:
        """Write what is new in the catalog, the rows in their order, and the offset they reach to: all or nothing."""
        with self.transaction():
            for sql, values in news:
                self.db.execute(sql, values)
            self._write(rows)
            self.db.execute("INSERT OR REPLACE INTO meta(key, value) VALUES('folded', ?)", (offset,))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done within, or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def _write(self, rows: Sequence[Row]) -> None:
        """Rows of the same fields go together, where no point is among them that is written with other fields too."""
        groups: defaultdict[_Group, list[Any]] = defaultdict(list)
        for measurement, names, values in rows:
            groups[measurement, names].append(values)
        if _overlap(groups):
            for group, run in groupby(rows, key=lambda row: (row.measurement, row.names)):
                self.db.executemany(_upsert(*group), [row.values for row in run])
        else:
            for group, points in groups.items():
                self.db.executemany(_upsert(*group), points)


def _overlap(groups: dict[_Group, list[Any]]) -> bool:
    """Whether one point may be in two groups."""
    by_measurement: defaultdict[Measurement, list[list[Any]]] = defaultdict(list)
    for (measurement, _), values in groups.items():
        by_measurement[measurement].append(values)
    for lists in by_measurement.values():
        points = [{value[:2] for value in values} for values in lists] if len(lists) > 1 else []
        if points and len(set().union(*points)) < sum(map(len, points)):
            return True
    return False


@lru_cache(1000)
def _upsert(measurement: Measurement, names: tuple[str, ...]) -> str:
    columns = [f"f{measurement.columns[name]}" for name in names]
    return (
        f"INSERT INTO m{measurement.number}(t, s, {', '.join(columns)}) VALUES(?, ?{', ?' * len(columns)}) "
        f"ON CONFLICT(t, s) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in columns)}"
    )
