"""Who reads the log, and below which offset each is done with it. Kept over restarts."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson

_SAVE_EVERY_S = 1.0
_MOST = 1000


class Reader(NamedTuple):
    """done: below this offset of the log it needs nothing of the measurement again."""

    name: str
    measurement: str
    done: int


class Readers:
    """The readers of one log. An older `done` after a crash only keeps the log a little longer."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._lock, self._saved = path, threading.Lock(), 0.0
        self._clock = clock
        stored = orjson.loads(path.read_bytes()) if path.is_file() else []
        self._readers = {(name, measurement): Reader(name, measurement, done) for name, measurement, done in stored}
        self._read: dict[tuple[str, str], tuple[int, float]] = {}  # up to where, and when it asked for what follows

    def note(self, reader: Reader, read: int) -> None:
        """A reader tells how far it is. One that starts anew may be done with less than before.

        read: the offset that it asks for now. It may have read far beyond what it is done with: to go back there.
        """
        key = reader.name, reader.measurement
        with self._lock:
            old = self._readers.get(key)
            if old is not None or len(self._readers) < _MOST:
                self._read[key] = read, self._clock()
            if old == reader or (old is None and len(self._readers) >= _MOST):
                return
            self._readers[key] = reader
        if old is None or time.monotonic() - self._saved > _SAVE_EVERY_S:
            self.save()

    def all(self) -> list[Reader]:
        """Every reader that ever told."""
        with self._lock:
            return list(self._readers.values())

    def behind(self, offset: int, away_s: float) -> dict[str, str]:
        """By measurement the name of a reader of it that has not read up to an offset, and asked not long ago."""
        since = self._clock() - away_s
        with self._lock:
            return {of: name for (name, of), (read, asked) in self._read.items() if read < offset and asked >= since}

    def save(self) -> None:
        """Write them down; a full disk only keeps an older state."""
        with self._lock, contextlib.suppress(OSError):
            self._saved = time.monotonic()
            draft = self._path.with_suffix(".tmp")
            with draft.open("wb") as file:
                file.write(orjson.dumps([list(reader) for reader in self._readers.values()]))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
