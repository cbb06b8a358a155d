"""Outcomes appended to a file, one JSON object a line."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from atipico.config import run_dir
from atipico.errors import NotYet, Refused
from atipico.wire.outcome_json import to_json
from atipico.wire.sample import Sample


class File:
    """Each outcome is there once, whatever was killed: what was written and not noted is cut off and comes again.

    path: where, ending in .jsonl; without a leading / in the folder `sinks` of the run folder. The file is this sink's
    alone. Who wants what is there moves it away: the next outcomes begin a new one.
    """

    def __init__(self, path: str) -> None:
        if not path.endswith(".jsonl"):
            raise Refused(f"sink file = {path!r}: its name must end with .jsonl, it holds one JSON object a line")
        self._named, self._file = Path(path), -1

    @property
    def path(self) -> Path:
        """The file itself."""
        return run_dir() / "sinks" / self._named  # which is the name alone where that begins with /

    def write(self, outcomes: Sequence[Sample]) -> str:
        lines = b"".join(to_json(outcome) + b"\n" for outcome in outcomes)
        try:
            if not os.path.samestat(os.fstat(self._file), self.path.stat()):
                raise FileNotFoundError(0, "it was moved away, a new one is begun")
            left = memoryview(lines)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
            return self._state()
        except OSError as error:
            raise NotYet(f"sink {self.path}: {len(lines)} bytes not written: {error.strerror}") from error

    def resume(self, state: str) -> str:
        """Cut off what came behind the state. A file that is another one is left as it is, and gone on with."""
        inode, _, size = state.partition(" ")
        try:
            self._open()
            found = os.fstat(self._file)
            if str(found.st_ino) == inode and found.st_size > int(size):
                os.ftruncate(self._file, int(size))
                os.fsync(self._file)
            return self._state()
        except OSError as error:
            raise NotYet(f"sink {self.path} can't be written: {error.strerror}") from error

    def _open(self) -> None:
        """Open it for this sink alone; when this process ends, however, it is free again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        path = self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotYet(f"sink {path}: another sink writes there; give each a file of its own") from error

    def _state(self) -> str:
        found = os.fstat(self._file)
        return f"{found.st_ino} {found.st_size}"
