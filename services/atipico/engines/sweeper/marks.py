"""Where a job can go back to on an InfluxDB, and what is still to be repaired; on disk, as anyone may be killed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import structlog

from atipico.errors import NotYet
from atipico.formats import check
from atipico.wire.snapshot import Snapshot

log = structlog.get_logger("sweeper")

FORMAT = 1
KEPT = 6
LONG_AGO = -(2**63)


class Mark(msgspec.Struct, frozen=True):
    """snapshot: what the agent knew; "" nothing. until: no sample that it knows is later, ns."""

    until: int
    snapshot: str = ""

    @property
    def reached(self) -> dict[str, int]:
        """By group the newest sample that is known."""
        return Snapshot.from_bytes(self.snapshot.encode()).reached if self.snapshot else {}


class _State(msgspec.Struct):
    """life, shape: of the newest snapshot. lost: from where on, ns, outcomes are to be made anew; None: nowhere.

    reviving: the task was stopped to be begun anew, and perhaps was not yet.
    """

    life: str = ""
    shape: str = ""
    lost: int | None = None
    reviving: bool = False
    marks: list[Mark] = []
    format: int = FORMAT


class Marks:
    """The marks of a job in one file, oldest first. A torn file says so and counts as none.

    Raises Newer for one that a newer Atipico wrote.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = self._read()

    @property
    def lost(self) -> int | None:
        """A repair that was begun, and from where on, ns; None when there is none."""
        return self._state.lost

    @property
    def newest(self) -> Mark | None:
        return self._state.marks[-1] if self._state.marks else None

    def before(self, time: int) -> list[Mark]:
        """The marks that know nothing from `time` (ns) on, newest first."""
        return [mark for mark in reversed(self._state.marks) if mark.until < time]

    @property
    def life(self) -> str:
        """What the agent calls the life of the newest mark; "" before there was one."""
        return self._state.life

    def is_news(self, snapshot: bytes) -> bool:
        """Whether none of the marks can be gone back to by a job that remembers this: it is another job by now."""
        return not self.life or self._state.shape != Snapshot.from_bytes(snapshot).shape

    def is_of(self, snapshot: bytes) -> bool:
        """Whether the agent remembers what it did at the newest mark."""
        return self.life == Snapshot.from_bytes(snapshot).life

    def begin(self, snapshot: bytes, since: int | None) -> None:
        """Begin with what the agent knows now. since: when it began to, knowing nothing, ns; None: not known."""
        told = Snapshot.from_bytes(snapshot)
        self._write(_State(told.life, told.shape, None, self.reviving, [] if since is None else [Mark(since - 1)]))

    def add(self, snapshot: bytes) -> None:
        """Keep one more; one that is as far as the newest takes its place. Raises NotYet when the disk is full."""
        told, mark, marks = Snapshot.from_bytes(snapshot), _mark(snapshot), self._state.marks
        if not told.reached:  # nothing came yet
            return
        others = marks[:-1] if marks and marks[-1].until == mark.until else marks
        self._write(_State(told.life, told.shape, self.lost, self.reviving, [*others, mark][-KEPT:]))

    def begin_repair(self, lost: int) -> None:
        """Outcomes from here on (ns) are to be made anew; marks that know later samples count no more."""
        keep = [mark for mark in self._state.marks if mark.until < lost]
        self._write(msgspec.structs.replace(self._state, lost=lost, marks=keep))

    def end_repair(self, snapshot: bytes) -> None:
        """All is made anew, and this is what the agent knows; empty when its disk is full."""
        if snapshot:
            self.add(snapshot)
        self._write(msgspec.structs.replace(self._state, lost=None))

    @property
    def reviving(self) -> bool:
        """Whether a task was stopped to be begun anew, and that did not end."""
        return self._state.reviving

    def note_reviving(self, reviving: bool) -> None:
        """Before a task is stopped to be begun anew, and once it was."""
        self._write(msgspec.structs.replace(self._state, reviving=reviving))

    def _write(self, state: _State) -> None:
        draft = self._path.with_suffix(".draft")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(state))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise NotYet(f"marks {self._path} not written: {error.strerror}") from error
        self._state = state

    def _read(self) -> _State:
        try:
            told = msgspec.json.decode(self._path.read_bytes())
            check(told.get("format", FORMAT), FORMAT, "a sweeper's marks", self._path)
            return msgspec.convert(told, _State)
        except FileNotFoundError:
            return _State()
        except (msgspec.DecodeError, AttributeError) as error:
            log.error("marks are torn and begun anew", path=str(self._path), error=str(error))
            return _State()


def _mark(snapshot: bytes) -> Mark:
    reached = Snapshot.from_bytes(snapshot).reached
    return Mark(max(reached.values(), default=LONG_AGO), snapshot.decode())
