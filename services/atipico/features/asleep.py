"""Keys that sleep: what a job remembers of them lies in a file until they come back."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import count, repeat
from pathlib import Path
from typing import Any

import structlog

from atipico.errors import NotYet, Refused
from atipico.features.keys import Key
from atipico.features.packed import Entries, is_whole, packed, packed_key, unpacked
from atipico.formats import check_sqlite
from atipico.metrics import FORGOTTEN_KEYS, KEYS

log = structlog.get_logger("features")

FORMAT = 1  # another one is another one of the checkpoints too
MOST_ASLEEP = 10_000_000  # keys of one `by`; beyond it those that slept longest are forgotten
MARKS = 16  # saves that can be gone back to; twice the checkpoints that an agent keeps
_AT_ONCE = 500  # keys of one query
_PAUSE_S = 10.0  # after the disk did not take keys
_GONE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR_READ}  # for good

# A row is what a key had when it fell asleep; ids grow. woke: the number of the next mark when it woke. So at mark n
# those sleep whose id was given before it and that did not wake, or woke behind it.
_TABLES = """
CREATE TABLE asleep(id INTEGER PRIMARY KEY, by INTEGER, key BLOB, entries BLOB, woke INTEGER);
CREATE INDEX sleeping ON asleep(by, key) WHERE woke IS NULL;
CREATE INDEX woken ON asleep(woke) WHERE woke IS NOT NULL;
CREATE TABLE mark(number INTEGER PRIMARY KEY, token TEXT);
"""


class Asleep:
    """The sleeping keys of one job, in a file of its folder that is made when the first falls asleep.

    `save` marks how it is; `restore` goes back to one of the last MARKS saves, also after a crash. What came behind
    that is then undone, later saves too.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "asleep.sqlite"
        self._db: sqlite3.Connection | None = None
        self._states = [KEYS.labels(folder.name, state) for state in ("awake", "asleep")]
        self.forget()

    def forget(self) -> None:
        """Start from nothing. The file stays as it is until a key falls asleep, as a `restore` may follow."""
        self._use(None, 0, 1, {})

    def _use(self, db: sqlite3.Connection | None, mark: int, next: int, counts: dict[int, int]) -> None:
        if self._db:
            self._db.close()
        self._db = db
        self._mark, self._next, self._counts = mark, next, Counter(counts)
        self._woken: set[int] = set()  # rows whose key woke, which the file does not know yet
        self._not_before = 0.0

    def __len__(self) -> int:
        return self._counts.total()

    def show(self, awake: int) -> None:
        """Tell the metrics how many keys are awake, and how many sleep."""
        for gauge, keys in zip(self._states, (awake, len(self)), strict=True):
            gauge.set(keys)

    @property
    def takes(self) -> bool:
        """Whether keys can be put to sleep; not for a while after the disk did not take some."""
        return time.monotonic() >= self._not_before

    def put(self, by: int, keys: Sequence[Key], pools: Sequence[Entries]) -> bool:
        """Have keys sleep, with what each pool has of them. False, changing nothing, when the disk does not take it."""
        rows = zip(count(self._next), repeat(by), map(packed_key, keys), packed(pools), repeat(None))
        over = self._counts[by] + len(keys) - MOST_ASLEEP
        try:
            db = self._db = self._db or self._made()
            with db:
                self._note_woken(db)
                db.executemany("INSERT INTO asleep VALUES (?, ?, ?, ?, ?)", rows)
                gone = self._drop(db, by, over + MOST_ASLEEP // 10) if over > 0 else 0
        except (OSError, sqlite3.Error) as error:
            self._not_before = time.monotonic() + _PAUSE_S
            log.error("keys stay awake", keys=len(keys), file=str(self._path), error=str(error))
            return False
        self._woken.clear()
        self._next += len(keys)
        self._counts[by] += len(keys) - gone
        FORGOTTEN_KEYS.inc(gone)
        return True

    def take(self, by: int, keys: Sequence[Key], widths: Sequence[int]) -> tuple[list[Key], list[Entries]]:
        """Wake those of the keys that sleep: which, and what each pool had of them. widths: columns of each pool.

        Raises Refused when the file can't be read.
        """
        names, found = {packed_key(key): key for key in keys}, dict[Key, bytes]()
        if self._db and self._counts[by]:
            try:
                rows = [row for row in _rows(self._db, by, list(names)) if row[0] not in self._woken]
            except sqlite3.Error as error:
                raise Refused(f"sleeping keys in {self._path} can't be read: {error}") from error
            self._woken.update(id for id, _, _ in rows)
            found = {names[name]: entries for _, name, entries in rows}
        self._counts[by] -= len(found)
        whole = {key: data for key, data in found.items() if is_whole(data)}
        if damaged := len(found) - len(whole):
            FORGOTTEN_KEYS.inc(damaged)
            log.error("keys are forgotten: what was kept of them is damaged", keys=damaged, file=str(self._path))
        return list(whole), unpacked(list(whole.values()), widths)

    def save(self) -> list[Any] | None:
        """Plain values that `restore` goes back to, once all is on disk. Raises NotYet when it does not get there."""
        if not self._db:
            return None
        number, token = self._mark + 1, secrets.token_hex(8)
        try:
            with self._db as db:
                self._note_woken(db)
                db.execute("INSERT INTO mark VALUES (?, ?)", (number, token))
                db.execute("DELETE FROM mark WHERE number <= ?", (number - MARKS,))
                db.execute("DELETE FROM asleep WHERE woke <= ?", (number - MARKS + 1,))
        except sqlite3.Error as error:
            raise NotYet(f"sleeping keys in {self._path} not kept: {error}") from error
        self._mark = number
        self._woken.clear()
        return [number, token, self._next, dict(self._counts)]

    def restore(self, saved: Sequence[Any] | None) -> None:
        """Go back to what was saved. Raises, changing nothing, Refused when the file is not there or not whole, NotYet
        when it can't be had just now."""
        if saved is None:
            self.forget()
            return
        number, token, next, counts = saved
        if not self._path.is_file():
            raise Refused(f"sleeping keys: {self._path} is missing")
        with ExitStack() as unless_done:
            try:
                db = unless_done.enter_context(closing(_opened(self._path)))
                if db.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                    raise Refused(f"sleeping keys: {self._path} is damaged")
                if db.execute("SELECT token FROM mark WHERE number = ?", (number,)).fetchall() != [(token,)]:
                    raise Refused(f"sleeping keys: {self._path} is not what it was at this checkpoint")
                with db:
                    db.execute("DELETE FROM mark WHERE number > ?", (number,))
                    db.execute("DELETE FROM asleep WHERE id >= ?", (next,))
                    db.execute("UPDATE asleep SET woke = NULL WHERE woke > ?", (number,))
            except sqlite3.Error as error:
                gone = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) in _GONE
                raise (Refused if gone else NotYet)(f"sleeping keys in {self._path} can't be read: {error}") from error
            unless_done.pop_all()
        self._use(db, number, next, counts)

    def _made(self) -> sqlite3.Connection:
        """A new file. What lay there belonged to a past that is not gone back to."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        db = _opened(self._path)
        db.executescript(_TABLES)
        return db

    def _note_woken(self, db: sqlite3.Connection) -> None:
        db.executemany("UPDATE asleep SET woke = ? WHERE id = ?", zip(repeat(self._mark + 1), self._woken))

    def _drop(self, db: sqlite3.Connection, by: int, many: int) -> int:
        """Let so many keys that slept longest be as if they had woken; returns how many there were."""
        longest = "SELECT id FROM asleep NOT INDEXED WHERE by = ? AND woke IS NULL ORDER BY id LIMIT ?"
        sql = f"UPDATE asleep SET woke = ? WHERE id IN ({longest})"  # noqa: S608
        return db.execute(sql, (self._mark + 1, by, many)).rowcount


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")  # a checkpoint that tells of a mark comes after it
    check_sqlite(db, FORMAT, "sleeping keys", path)
    return db


def _rows(db: sqlite3.Connection, by: int, names: list[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
    for at in range(0, len(names), _AT_ONCE):
        some = names[at : at + _AT_ONCE]
        places = ", ".join("?" * len(some))
        sql = f"SELECT id, key, entries FROM asleep WHERE by = ? AND woke IS NULL AND key IN ({places})"  # noqa: S608
        yield from db.execute(sql, (by, *some)).fetchall()
