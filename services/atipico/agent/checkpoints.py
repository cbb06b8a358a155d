"""What a job remembers, kept on disk under a checkpoint id: written whole or not at all, the last ones kept."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from atipico.errors import NotYet, Refused
from atipico.formats import check

KEPT = 8  # the host goes back to one of its last three; the rest are of hosts that died before they noted theirs
FORMAT = 1  # of all that a checkpoint leads to: its own file, what features and detectors save, sleeping keys
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.EIO)  # all else that keeps a file from being read may pass
_MAGIC, _HASH_BYTES = b"ATPC", 32  # then a byte with the format; files of versions before 0.1.0 begin with the hash


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
                file.write(_MAGIC + bytes([FORMAT]) + hashlib.sha256(state).digest())
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

    def check(self) -> None:
        """Raises Newer when a newer Atipico wrote the newest one: the job is not to begin anew behind its back."""
        for number in self.ids()[-1:]:
            try:
                with self._path(number).open("rb") as file:
                    head = file.read(len(_MAGIC) + 1)
            except OSError:  # as `load` will say
                continue
            if head.startswith(_MAGIC) and len(head) > len(_MAGIC):
                check(max(1, head[-1]), FORMAT, "a checkpoint", self._path(number))

    def load(self, number: int) -> bytes:
        """The state of an id.

        Raises Refused when it is missing or torn, Newer when a newer Atipico wrote it, NotYet when it can't be had just
        now, as where no file more can be opened.
        """
        path = self._path(number)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise (Refused if error.errno in _GONE else NotYet)(f"checkpoint {path}: {error.strerror}") from error
        if data.startswith(_MAGIC):
            check(data[len(_MAGIC)] if len(data) > len(_MAGIC) else 0, FORMAT, "a checkpoint", path)
            data = data[len(_MAGIC) + 1 :]
        if hashlib.sha256(data[_HASH_BYTES:]).digest() != data[:_HASH_BYTES]:
            raise Refused(f"checkpoint {path} is torn: its {len(data)} bytes are not those that were written")
        return data[_HASH_BYTES:]

    def drop_behind(self, number: int) -> None:
        """One is gone back to: what came behind is undone, and no longer one of those that are kept.

        The newest stays, as ids grow.
        """
        for later in [id for id in self.ids() if id > number][:-1]:
            self._path(later).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.checkpoint"
