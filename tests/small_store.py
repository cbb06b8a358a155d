"""A store of the SQL schema for tests of queries: databases in a folder, filled from plain rows."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import orjson

from atipico.errors import Refused

SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value);
CREATE TABLE measurement(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE field(measurement INTEGER, name TEXT, type TEXT, position INTEGER, PRIMARY KEY(measurement, name));
CREATE TABLE series(id INTEGER PRIMARY KEY, measurement INTEGER, key TEXT UNIQUE, tags TEXT);
"""
TYPES = {float: "float", int: "integer", bool: "boolean", str: "string"}


class SmallDatabase:
    """One database; `write` takes (measurement, tags, fields, time)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self.waited = 0
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(SCHEMA)

    def write(self, rows) -> None:
        self.db.execute("BEGIN")
        for measurement, tags, fields, time in rows:
            self._write(measurement, tags, fields, time)
        self.db.execute("COMMIT")

    def _write(self, measurement, tags, fields, time) -> None:
        number = self._id("measurement", name=measurement)
        self.db.execute(f"CREATE TABLE IF NOT EXISTS m{number}(t INTEGER, s INTEGER, PRIMARY KEY(t, s)) WITHOUT ROWID")
        shown = orjson.dumps(dict(sorted(tags.items()))).decode()
        series = self._id("series", measurement=number, key=f"{measurement},{shown}", tags=shown)
        self.db.execute(f"INSERT OR IGNORE INTO m{number}(t, s) VALUES (?, ?)", (time, series))
        for name, value in fields.items():
            where = "WHERE measurement = ? AND name = ?"
            found = self.db.execute(f"SELECT position FROM field {where}", (number, name)).fetchone()
            if found is None:
                found = self.db.execute("SELECT count(*) FROM field WHERE measurement = ?", (number,)).fetchone()
                self.db.execute("INSERT INTO field VALUES (?, ?, ?, ?)", (number, name, TYPES[type(value)], *found))
                self.db.execute(f"ALTER TABLE m{number} ADD COLUMN f{found[0]}")
            self.db.execute(f"UPDATE m{number} SET f{found[0]} = ? WHERE t = ? AND s = ?", (value, time, series))

    def _id(self, table, **values) -> int:
        where = " AND ".join(f"{name} = ?" for name in values)
        given = tuple(values.values())
        if found := self.db.execute(f"SELECT id FROM {table} WHERE {where}", given).fetchone():
            return found[0]
        marks = ", ".join("?" * len(given))
        return self.db.execute(f"INSERT INTO {table}({', '.join(values)}) VALUES ({marks})", given).lastrowid

    def wait_folded(self) -> None:
        self.waited += 1

    def reader(self) -> sqlite3.Connection:
        if not hasattr(self._local, "db"):
            self._local.db = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        return self._local.db


class SmallStore:
    """The databases of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._databases: dict[str, SmallDatabase] = {}

    def names(self) -> list[str]:
        return sorted(self._databases)

    def get(self, name: str) -> SmallDatabase:
        if name not in self._databases:
            raise Refused(f"database not found: {name}")
        return self._databases[name]

    def create(self, name: str) -> None:
        if name not in self._databases:
            self._databases[name] = SmallDatabase(self._folder / f"{len(self._databases)}.sqlite")

    def drop(self, name: str) -> None:
        self._databases.pop(name, None)
