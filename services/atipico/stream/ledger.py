"""How far a job has come, on disk: offset and agent's snapshot together, written after the outcomes are safe."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from atipico.formats import check
from atipico.wire.snapshot import Snapshot

log = structlog.get_logger("host")

FORMAT = 1
KEPT = 3
MOST_BACK = 256 * 2**20  # bytes of the store's log
LONG_AGO = -(2**63)  # ns; before the first sample


class Mark(NamedTuple):
    """Everything below `offset` has its outcome in the store, and `snapshot` is what the agent knew there.

    offset None: the log's beginning, wherever that is. snapshot "": nothing. A mark in the midst of what was sent again
    for what came late knows of the log from `offset` to `until` only what was up to `floor` on the job's clock (ns).
    """

    offset: int | None = None
    snapshot: str = ""
    until: int = 0
    floor: int = 0

    @property
    def clock(self) -> int | None:
        """How far the job's clock was, ns; None where that is not known."""
        if not self.snapshot:
            return LONG_AGO
        try:
            return Snapshot.from_bytes(self.snapshot.encode()).clock
        except ValueError:
            return None


class Ledger:
    """The last marks of a job in one file, newest last. A torn file says so; the one before it then counts, or none.

    Raises Newer for one that a newer Atipico wrote.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marks = self._read()

    def newest(self) -> Mark:
        """Where to go on; the beginning when there is no mark."""
        return self._marks[-1] if self._marks else Mark()

    @property
    def oldest(self) -> int:
        """The offset below which the log need not be kept: the oldest mark's, and no farther back than MOST_BACK.

        A stream that rests has old marks, and would keep what other streams write for ever.
        """
        return max(self._marks[0].offset or 0, (self.newest().offset or 0) - MOST_BACK) if self._marks else 0

    def before(self, clock: int) -> Mark | None:
        """The newest mark that a clock (ns) is later than."""
        earlier = [mark for mark in self._marks if mark.clock is not None and mark.clock < clock]
        return earlier[-1] if earlier else None

    def commit(self, mark: Mark) -> None:
        """Keep a mark; it is on disk when this returns. One of the same snapshot as the newest takes its place."""
        others = self._marks if mark.snapshot != self.newest().snapshot else self._marks[:-1]
        self._write([*others, mark][-KEPT:])

    def drop_newest(self) -> None:
        """Fall back to the mark before: the agent can't take the newest one back."""
        self._write(self._marks[:-1])

    def go_back(self, mark: Mark) -> None:
        """Have a mark that `before` gave be the newest: until the next one is made, if the disk does not take that."""
        earlier = self._marks[: self._marks.index(mark)] if mark in self._marks else []
        self._marks = [*earlier, mark]
        with contextlib.suppress(OSError):
            self._write(self._marks)

    def _write(self, marks: list[Mark]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(msgspec.json.encode({"format": FORMAT, "marks": marks}))
            file.flush()
            os.fsync(file.fileno())
        if self._path.exists():
            self._path.replace(self._before)
        draft.replace(self._path)
        self._marks = marks

    @property
    def _before(self) -> Path:
        """The ledger as it was one mark ago."""
        return self._path.with_suffix(".before")

    def _read(self) -> list[Mark]:
        for path in (self._path, self._before):
            try:
                told = msgspec.json.decode(path.read_bytes())
                if isinstance(told, dict):  # a list is what versions before 0.1.0 wrote
                    check(told.get("format", FORMAT), FORMAT, "a job's marks", path)
                    told = told.get("marks")
                return msgspec.convert(told, list[Mark])
            except FileNotFoundError:
                continue
            except msgspec.DecodeError as error:
                log.error("ledger is torn, falls back to the one before", path=str(path), error=str(error))
        return []
