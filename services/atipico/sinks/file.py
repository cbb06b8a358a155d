"""Outcomes appended to a file, one JSON object a line."""

from __future__ import annotations

import fcntl
import io
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
        self._named = Path(path)
        self._file: io.FileIO | None = None

    @property
    def path(self) -> Path:
        """The file itself."""
        return run_dir() / "sinks" / self._named  # which is the name alone where that begins with /

    def write(self, outcomes: Sequence[Sample]) -> str:
        lines = b"".join(to_json(outcome) + b"\n" for outcome in outcomes)
        try:
            if self._file is None or not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                raise FileNotFoundError(0, "it was moved away, a new one is begun")
            left = memoryview(lines)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
            return _state(self._file)
        except OSError as error:
            raise NotYet(f"sink {self.path}: {len(lines)} bytes not written: {error.strerror}") from error

    def resume(self, state: str) -> str:
        """Cut off what came behind the state. A file that is another one is left as it is, and gone on with."""
        inode, _, size = state.partition(" ")
        try:
            self._file = file = self._open()
            found = os.fstat(file.fileno())
            if str(found.st_ino) == inode and found.st_size > int(size):
                os.ftruncate(file.fileno(), int(size))
                os.fsync(file.fileno())
            return _state(file)
        except OSError as error:
            raise NotYet(f"sink {self.path} can't be written: {error.strerror}") from error

    def _open(self) -> io.FileIO:
        """Open it for this sink alone; when its process ends, however that is, it is free again."""
        if self._file is not None:
            self._file.close()
        path = self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        file = io.FileIO(path, "ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotYet(f"sink {path}: another sink writes there; give each a file of its own") from error
        return file


def _state(file: io.FileIO) -> str:
    found = os.fstat(file.fileno())
    return f"{found.st_ino} {found.st_size}"
