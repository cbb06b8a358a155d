"""What a job remembers, kept on disk under a checkpoint id: written whole or not at all, the last ones kept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from atipico.errors import NotYet, Refused

KEPT = 8  # the host goes back to one of its last three; the rest are of hosts that died before they noted theirs
_HASH_BYTES = 32


class Checkpoints:
    """The checkpoints of one job in a folder of their own. Ids grow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ids(self) -> list[int]:
        """The ids on disk, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.stem) for path in self.folder.glob("*.checkpoint") if path.stem.isdigit())

    def save(self, state: bytes) -> int:
        """Keep a state; returns its id once it is on disk. Raises NotYet when the disk does not take it."""
        known = self.ids()
        number = known[-1] + 1 if known else 1
        draft = self._path(number).with_suffix(".draft")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(hashlib.sha256(state).digest())
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path(number))
        except OSError as error:
            raise NotYet(
                f"checkpoint {self._path(number)} of {len(state)} bytes not written: {error.strerror}"
            ) from error
        for old in known[: 1 - KEPT]:
            self._path(old).unlink(missing_ok=True)
        return number

    def load(self, number: int) -> bytes:
        """The state of an id. Raises Refused when it is missing or torn."""
        path = self._path(number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Refused(f"checkpoint {path}: {error.strerror}") from error
        if hashlib.sha256(data[_HASH_BYTES:]).digest() != data[:_HASH_BYTES]:
            raise Refused(f"checkpoint {path} is torn: its {len(data)} bytes are not those that were written")
        return data[_HASH_BYTES:]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.checkpoint"
