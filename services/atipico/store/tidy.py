"""Retention: rows that are too old or too many go, and the log that nobody needs any more.

A segment of the log goes when it is folded for good and every reader is done with it. Only when the log comes near
the most that it may hold does it go past a reader; what that reader had not read is counted as lost.
"""

from __future__ import annotations

import sqlite3
import threading
import time

import structlog

from atipico import metrics
from atipico.at_work import at_work
from atipico.errors import AtipicoError
from atipico.store.database import Database
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from atipico.store.tables import Tables
from atipico.wire.lines import parse

_STEP = 5000  # rows deleted at once, so that folding never waits long
_LOOK_EVERY_S = 2.0
_ALL = 2**63 - 1  # later than any time
_say = structlog.get_logger("store")


class Tidy:
    """Looks after every database from a thread of its own."""

    def __init__(self, databases: Databases, settings: StoreSettings) -> None:
        self._databases, self._settings, self._stopped = databases, settings, threading.Event()
        self._thread = threading.Thread(target=self._run, name="tidy", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End soon; what was begun is finished."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        rows_at = time.monotonic() + self._settings.tidy_every
        while not self._stopped.wait(min(_LOOK_EVERY_S, self._settings.tidy_every)):
            rows = time.monotonic() >= rows_at
            for database in self._databases.all():
                try:
                    with at_work("tidy"):
                        self._tidy(database, rows)
                except (AtipicoError, OSError, sqlite3.Error) as error:  # dropped meanwhile, say; the next round tells
                    _say.warning("could not tidy", database=database.name, error=repr(error))
            if rows:
                rows_at = time.monotonic() + self._settings.tidy_every

    def _tidy(self, database: Database, rows: bool) -> None:
        tidy_log(database, self._settings.log_bytes, self._settings.log_most)
        if rows:
            tidy_rows(database, time.time_ns() - int(self._settings.keep * 1e9), self._settings.table_bytes)


def tidy_log(database: Database, kept: int, most: int) -> None:
    """Delete the oldest segments while the log holds more than `kept` bytes, past readers only when it nears `most`."""
    log = database.log
    if log.size <= kept or len(log.segments()) < 2:
        return
    folded, hard = _folded_for_good(database), max(most // 2, most - 2 * log.segment)
    for start, end in log.segments()[:-1]:
        needed = any(reader.done < end for reader in database.readers.all())
        if end > folded or log.size <= kept or (needed and log.size <= hard):
            return
        if needed:
            _count_lost(database, start, end)
        log.drop_first()


def tidy_rows(database: Database, before: int, most_bytes: int) -> None:
    """Delete the rows before a time (ns), and the oldest ones while the tables hold more than `most_bytes`."""
    for table in _tables(database):
        while _delete(database, table, before) >= _STEP:
            pass
    while _bytes(database) > most_bytes and (oldest := _oldest(database)) is not None:
        if not _delete(database, oldest, _ALL):
            return


def _folded_for_good(database: Database) -> int:
    """Up to which offset the tables are on disk themselves; 0 when a query keeps them from being put there."""
    found: list[int] = []

    def checkpoint(tables: Tables) -> None:
        folded = tables.folded() or 0
        busy, *_ = tables.db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        found.append(0 if busy else folded)

    database.fold.do(checkpoint)
    return found[0] if found else 0


def _count_lost(database: Database, start: int, end: int) -> None:
    """Count the samples of a segment that a reader of their measurement is not done with."""
    readers, lost = database.readers.all(), 0
    for offset, record in database.log.records(start):
        if offset > end:
            break
        name = record.measurement.decode()
        if any(reader.measurement == name and reader.done < offset for reader in readers):
            lost += len(parse(record.lines, now=0).samples)
    if lost:
        metrics.LOST.labels("retention").inc(lost)
        _say.error("deleted what a reader of the log had not read", database=database.name, samples=lost)


def _delete(database: Database, table: str, before: int) -> int:
    """Delete the oldest rows of a table, some thousands at most; how many it were."""
    deleted: list[int] = []
    oldest = f"SELECT t FROM {table} WHERE t < ? ORDER BY t LIMIT 1 OFFSET {_STEP}"  # noqa: S608

    def step(tables: Tables) -> None:
        row = tables.db.execute(oldest, (before,)).fetchone()
        cursor = tables.db.execute(f"DELETE FROM {table} WHERE t < ?", (row[0] + 1 if row else before,))  # noqa: S608
        tables.db.execute("PRAGMA incremental_vacuum").fetchall()
        deleted.append(cursor.rowcount)

    database.fold.do(step)
    return sum(deleted)


def _tables(database: Database) -> list[str]:
    return [f"m{number}" for (number,) in database.reader().execute("SELECT id FROM measurement")]


def _bytes(database: Database) -> int:
    """What the rows take; pages that are free are used again."""
    reader = database.reader()
    pages, free, size = (
        int(reader.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _oldest(database: Database) -> str | None:
    """The table with the oldest row of all; None when all are empty."""
    first = {
        table: row[0]
        for table in _tables(database)
        if (row := database.reader().execute(f"SELECT t FROM {table} ORDER BY t LIMIT 1").fetchone())  # noqa: S608
    }
    return min(first, key=first.__getitem__, default=None)
