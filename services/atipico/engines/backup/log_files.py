"""A store's log while it is written to: its files are held open, so that retention takes none away meanwhile."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from atipico.store.record import Torn, walk


class Segment(NamedTuple):
    """size: bytes up to the end of its last whole record."""

    path: Path
    file: BinaryIO
    size: int


class LogFiles:
    """The log in a folder, from what is oldest when this is made. Closed with `held`."""

    def __init__(self, folder: Path, held: ExitStack) -> None:
        self._folder, self._held = folder, held
        self._files: dict[Path, BinaryIO] = {}
        self._open_new()

    def upto_now(self) -> list[Segment]:
        """Every segment, oldest first, up to the last record that is whole just now."""
        self._open_new()
        files = sorted(self._files.items())
        full = [Segment(path, file, os.fstat(file.fileno()).st_size) for path, file in files[:-1]]
        return full + [Segment(path, file, _whole(file)) for path, file in files[-1:]]

    def _open_new(self) -> None:
        for path in sorted(self._folder.glob("*.log")):
            if path not in self._files:
                with suppress(FileNotFoundError):
                    self._files[path] = self._held.enter_context(path.open("rb"))


def _whole(file: BinaryIO) -> int:
    """Where the last whole record ends."""
    whole = 0
    with suppress(Torn):
        for at, _ in walk(file.fileno(), 0, os.fstat(file.fileno()).st_size):
            whole = at
    return whole
