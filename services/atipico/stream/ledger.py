"""How far a job has come, on disk: offset and agent's snapshot together, written after the outcomes are safe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

log = structlog.get_logger("host")

KEPT = 3


class Mark(NamedTuple):
    """Everything below `offset` has its outcome in the store, and `snapshot` is what the agent knew there.

    offset None: the log's beginning. snapshot "": nothing.
    """

    offset: int | None = None
    snapshot: str = ""


class Ledger:
    """The last marks of a job in one file, newest last; a torn file counts as none and says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks = self._read()

    def newest(self) -> Mark:
        """Where to go on; the beginning when there is no mark."""
        return self._marks[-1] if self._marks else Mark()

    def commit(self, mark: Mark) -> None:
        """Keep a mark; it is on disk when this returns. One of the same snapshot as the newest takes its place."""
        others = self._marks if mark.snapshot != self.newest().snapshot else self._marks[:-1]
        self._write([*others, mark][-KEPT:])

    def drop_newest(self) -> None:
        """Fall back to the mark before: the agent can't take the newest one back."""
        self._write(self._marks[:-1])

    def _write(self, marks: list[Mark]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(marks))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        self._marks = marks

    def _read(self) -> list[Mark]:
        if not self._path.exists():
            return []
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Mark])
        except msgspec.DecodeError as error:
            log.error("ledger is torn; the job starts from the log's beginning", path=str(self._path), error=str(error))
            return []
