"""The spool: what was read and is not yet acknowledged, on disk together with the position behind it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from atipico.at_work import waiting
from atipico.errors import NotYet, Refused
from atipico.formats import check_sqlite

FORMAT = 1
_KEPT_REFUSED = 100  # blocks, to look into
_TABLES = """
    CREATE TABLE IF NOT EXISTS block(
        id INTEGER PRIMARY KEY AUTOINCREMENT, lines BLOB, samples INTEGER, labels INTEGER, newest INTEGER);
    CREATE TABLE IF NOT EXISTS position(source TEXT PRIMARY KEY, position TEXT);
    CREATE TABLE IF NOT EXISTS last(one INTEGER PRIMARY KEY CHECK (one = 1), time INTEGER);
    CREATE TABLE IF NOT EXISTS refused(
        id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP, reason TEXT, lines BLOB);
"""


class Block(NamedTuple):
    """Lines with explicit times that are written to the store together. newest: the time of the last of them, ns."""

    id: int
    lines: bytes
    samples: int
    labels: int
    newest: int


@contextlib.contextmanager
def gate(spool: Path, how: int) -> Iterator[None]:
    """What goes into or out of a spool goes through its gate, shared (fcntl.LOCK_SH).

    Who holds it alone (LOCK_EX), from any process, sees the spool's files in a moment in which nothing changes them.
    """
    file = os.open(spool.with_suffix(".gate"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with waiting():
            fcntl.flock(file, how)
        yield
    finally:
        os.close(file)


class Spool:
    """One stream's blocks in their order, and where its source goes on. At most `limit` bytes of lines.

    For two threads, one that puts and one that takes. One process only: opening it in a second one raises Refused.
    """

    def __init__(self, path: Path, limit: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._limit = path, limit
        self._changed = threading.Condition()
        self._db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            # The lock on the file is kept, and goes with the process, however that ends.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            check_sqlite(self._db, FORMAT, "a generator's spool", path)
            self._db.executescript(f"BEGIN EXCLUSIVE; {_TABLES} COMMIT;")
        except sqlite3.OperationalError as error:
            raise Refused(f"{path}: {error}; does another generator run on this folder?") from error
        except sqlite3.DatabaseError as error:
            raise Refused(f"{path}: {error}; remove it, and its stream starts anew") from error
        self._bytes = self._one("SELECT coalesce(sum(length(lines)), 0) FROM block")
        self.samples = self._one("SELECT coalesce(sum(samples), 0) FROM block")
        self.last: int = self._one("SELECT coalesce(max(time), 0) FROM last")  # the newest time ever given, ns

    def position(self, source: str) -> dict[str, Any]:
        """Where `source` goes on; {} when it never came this way."""
        with self._changed:
            row = self._db.execute("SELECT position FROM position WHERE source = ?", [source]).fetchone()
        return dict(orjson.loads(row[0])) if row else {}

    def put(self, lines: bytes, samples: int, labels: int, last: int, source: str, position: Mapping[str, Any]) -> None:
        """Keep a block, its newest time and the position behind it: all of it or nothing.

        Raises NotYet when the spool or the disk is full.
        """
        with self._changed, gate(self._path, fcntl.LOCK_SH):
            if self._bytes and self._bytes + len(lines) > self._limit:
                raise NotYet(f"{self._path}: full with {self._bytes} bytes of at most {self._limit}; is the store up?")
            try:
                self._db.execute("BEGIN")
                if lines:
                    block = [lines, samples, labels, last]
                    self._db.execute("INSERT INTO block(lines, samples, labels, newest) VALUES (?, ?, ?, ?)", block)
                self._db.execute("REPLACE INTO last VALUES (1, ?)", [last])
                self._db.execute("REPLACE INTO position VALUES (?, ?)", [source, orjson.dumps(dict(position)).decode()])
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._undo()
                raise NotYet(f"{self._path}: {error}; make room on this disk") from error
            self._bytes += len(lines)
            self.samples += samples
            self.last = last
            self._changed.notify_all()

    def take(self, most_bytes: int) -> list[Block]:
        """The oldest blocks, together at most `most_bytes` of lines but one at least if there is any. They stay."""
        found: list[Block] = []
        with self._changed:
            for row in self._db.execute("SELECT id, lines, samples, labels, newest FROM block ORDER BY id"):
                block = Block(*row)
                most_bytes -= len(block.lines)
                if found and most_bytes < 0:
                    break
                found.append(block)
        return found

    def wait(self, timeout_s: float) -> None:
        """Return when there is a block, or after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self._bytes > 0, timeout_s)

    def wait_empty(self, timeout_s: float) -> None:
        """Return when all was taken away, or after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes, timeout_s)

    def done(self, blocks: Sequence[Block], refused: str | None = None) -> None:
        """Forget blocks; with a reason they are set aside in the table `refused`, which keeps the newest 100.

        Raises NotYet when the disk does not take it; the blocks then stay.
        """
        with self._changed, gate(self._path, fcntl.LOCK_SH):
            try:
                self._db.execute("BEGIN")
                for block in blocks:
                    self._db.execute("DELETE FROM block WHERE id = ?", [block.id])
                    if refused is not None:
                        self._db.execute("INSERT INTO refused(reason, lines) VALUES (?, ?)", [refused, block.lines])
                self._db.execute("DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?", [_KEPT_REFUSED])
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._undo()
                raise NotYet(f"{self._path}: {error}; make room on this disk") from error
            self._bytes -= sum(len(block.lines) for block in blocks)
            self.samples -= sum(block.samples for block in blocks)
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._db.close()

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _one(self, sql: str) -> int:
        return int(self._db.execute(sql).fetchone()[0])
