"""All databases of one data folder, which belongs to one process."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import quote, unquote

from atipico.errors import Refused
from atipico.formats import check
from atipico.store.database import Database
from atipico.store.settings import StoreSettings
from atipico.store.ticks import Ticks

FIRST = "atipico"
FORMAT = 1  # of the log's records, the tables and readers.json together
_FOLDER_BYTES = 200
_DROPPED = ".dropped"


class UnknownDatabase(Refused):
    """There is no database of that name; the words are InfluxDB's."""

    def __init__(self, name: str) -> None:
        super().__init__(f'database not found: "{name}"')


class Databases:
    """Opens what is there, makes `atipico` when it is not. Any thread may call any method."""

    def __init__(self, settings: StoreSettings) -> None:
        self._folder, self._settings, self._ticks = settings.folder, settings, Ticks()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._own = _own(self._folder)
        _check_format(self._folder / "format")
        self._changing = threading.Lock()
        for dropped in self._folder.glob(f"*{_DROPPED}"):
            shutil.rmtree(dropped)
        names = [unquote(path.name) for path in self._folder.iterdir() if path.is_dir()]
        self._open = {name: self._load(name) for name in sorted({FIRST, *names})}

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._open)

    def all(self) -> list[Database]:
        """All databases, sorted by name."""
        return [self._open[name] for name in self.names()]

    def get(self, name: str) -> Database:
        """The database of that name. Raises UnknownDatabase."""
        if (database := self._open.get(name)) is None:
            raise UnknownDatabase(name)
        return database

    def create(self, name: str) -> None:
        """Make a database; one that is there stays as it is. Raises Refused when it can't have that name."""
        with self._changing:
            if name not in self._open:
                self._open[name] = self._load(name)

    def drop(self, name: str) -> None:
        """Delete a database and all that is in it; one that is not there needs nothing."""
        with self._changing:
            if (database := self._open.pop(name, None)) is None:
                return
            database.close()
            dropped = database.folder.with_name(database.folder.name + _DROPPED)
            database.folder.rename(dropped)
            shutil.rmtree(dropped)

    def end_waiting(self) -> None:
        """Let no reader of a log wait any more."""
        for database in self.all():
            database.log.end_waiting()

    def close(self) -> None:
        """Close all databases and give the folder free."""
        for database in self.all():
            database.close()
        os.close(self._own)

    def _load(self, name: str) -> Database:
        folder = quote(name, safe="").replace(".", "%2E")
        if not name or len(folder) > _FOLDER_BYTES:
            raise Refused(
                f"invalid database name: {name[:40]!r} has {len(folder)} bytes, 1 to {_FOLDER_BYTES} are kept"
            )
        try:
            return Database(name, self._folder / folder, self._settings, self._ticks)
        except OSError as error:
            raise Refused(
                f"database {name!r} in {self._folder}: {error.strerror}; make room, or set another --data"
            ) from error


def _check_format(path: Path) -> None:
    """Check the number of all that lies in the folder, and note ours. Raises Newer."""
    text = path.read_text().strip() if path.is_file() else "1"
    if check(int(text) if text.isdecimal() else text, FORMAT, "a store", path.parent) != FORMAT or not path.is_file():
        path.write_text(f"{FORMAT}\n")


def _own(folder: Path) -> int:
    """Hold the folder against other processes. Raises Refused when one has it."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise Refused(f"{folder} is in use by another store; stop it or give this one its own --data") from None
    return file
