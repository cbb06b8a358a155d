"""The log: what was accepted, in order, on disk before anybody is told so. The tables are folded from it.

Segments of some 64 MiB, each named by the offset at which it starts, hold records one behind the other. An
offset counts bytes and never means two things: a new log starts at the ns of its making, and what had to be
taken back leaves a gap. Many threads append; one fsync serves all who wait (`sync`). Readers see what is synced.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from atipico.errors import NotYet, Refused
from atipico.store.disk import fsync, opened, sync_folder, write_all
from atipico.store.record import Record, Torn, encode, walk


class LogGone(Refused):
    """The offset is not in the log: retention passed it, or it is of another log."""

    def __init__(self, offset: int, oldest: int, end: int) -> None:
        super().__init__(f"offset {offset} is not in the log, which holds {oldest} to {end}; begin again at {oldest}")
        self.oldest, self.end = oldest, end


class Block(NamedTuple):
    """lines: of one measurement, in the order they were accepted. after: where to read on. end: of the log."""

    lines: bytes
    after: int
    end: int


class Log:
    """An ordered log in a folder. For one process; all methods may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        segment: int = 64 * 2**20,
        most: int | None = None,
        sync: Callable[[int], None] = fsync,
        start: Callable[[], int] = time.time_ns,
    ) -> None:
        """segment: bytes after which a new one begins. most: bytes that all may hold; None: what the disk holds.

        Cuts off a torn end: `torn` bytes, none of which anybody was told were accepted.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.segment, self.most, self._fsync = folder, segment, most, sync
        self._writing, self._syncing, self._grown = threading.Lock(), threading.Lock(), threading.Condition()
        self._waited_enough = False
        self._taken_back: list[tuple[int, int]] = []
        self._starts = sorted(int(path.stem) for path in folder.glob("*.log"))
        self._file, self.torn, self.last_received = -1, 0, 0
        self.end = self._recover() if self._starts else start()
        self.synced = self.end

    # ------------------------------------------------------------ writing

    def append(self, records: Sequence[Record]) -> int:
        """Write records behind the others, all or none; the offset to `sync`. Raises NotYet when there is no room."""
        data = b"".join(map(encode, records))
        with self._writing:
            if self.most is not None and self.size + len(data) > self.most:
                raise NotYet(
                    f"log in {self.folder} is full ({self.size} of {self.most} bytes); raise log_bytes_most", 5
                )
            try:
                self._make_room()
                write_all(self._file, data)
            except OSError as error:
                self._undo()
                raise NotYet(f"log in {self.folder}: {error.strerror}; free some disk space", 5) from error
            self.end += len(data)
            return self.end

    def sync(self, offset: int) -> None:
        """Return when all below the offset is on disk. Raises NotYet when the disk did not take it: it is gone then."""
        with self._syncing:
            if self.synced < offset:
                self._sync()
        if self.took_back(offset):
            raise NotYet(f"log in {self.folder}: the disk did not take what was written; free some disk space", 5)

    def took_back(self, offset: int) -> bool:
        """Whether the disk did not take what ends at this offset, so that nobody was told it is safe."""
        return any(start < offset <= end for start, end in self._taken_back)

    def skip_to(self, offset: int) -> None:
        """Let the next record start no earlier than at `offset`."""
        with self._writing:
            if offset > self.end:
                self._close()
                self.end = self.synced = offset

    def close(self) -> None:
        """Sync and close. The log takes nothing more."""
        with self._syncing, contextlib.suppress(NotYet):
            self._sync()
        with self._writing:
            self._close()

    # ------------------------------------------------------------ reading

    @property
    def oldest(self) -> int:
        """The offset of the first record that is still there."""
        return self._starts[0] if self._starts else self.end

    @property
    def size(self) -> int:
        """Bytes from the first record to the end."""
        return self.end - self.oldest

    def read(self, offset: int, measurements: str | Collection[str], limit: int, until: int | None = None) -> Block:
        """Synced lines of one measurement, or of some, from an offset on: whole records, about `limit` bytes, at least
        one if any. until: an offset to read no farther than.

        Raises LogGone when no record starts at the offset.
        """
        found: list[bytes] = []
        size, upto = 0, self.synced if until is None else min(max(offset, until), self.synced)
        wanted = {name.encode() for name in ([measurements] if isinstance(measurements, str) else measurements)}
        for after, record in self._walk(offset, upto, wanted):
            if record is not None:
                found.append(record.lines)
                size += len(record.lines)
                if size >= limit:
                    return Block(b"".join(found), after, self.synced)
        return Block(b"".join(found), upto, self.synced)

    def records(self, offset: int) -> Iterator[tuple[int, Record]]:
        """Every synced record from an offset on, with the offset behind it. Raises LogGone."""
        for after, record in self._walk(offset, self.synced):
            if record is not None:
                yield after, record

    def wait(self, offset: int, timeout_s: float) -> bool:
        """Wait until there is more than `offset` to read; False when the time is over before, or waiting has ended."""
        with self._grown:
            self._grown.wait_for(lambda: self.synced > offset or self._waited_enough, timeout_s)
            return self.synced > offset and not self._waited_enough

    def end_waiting(self) -> None:
        """Let nobody wait any more."""
        with self._grown:
            self._waited_enough = True
            self._grown.notify_all()

    def segments(self) -> list[tuple[int, int]]:
        """Where each segment starts and ends, oldest first. The last one is being written."""
        with self._writing:
            return list(zip(self._starts, [*self._starts[1:], self.end], strict=True))

    def drop_first(self) -> None:
        """Delete the oldest segment. The one that is being written is not deleted."""
        with self._writing:
            if len(self._starts) > 1:
                self._path(self._starts.pop(0)).unlink(missing_ok=True)

    # ------------------------------------------------------------ within

    def _walk(
        self, offset: int, upto: int, measurements: Collection[bytes] | None = None
    ) -> Iterator[tuple[int, Record | None]]:
        """Records from an offset up to another; where a segment ends the walk goes on in the next one."""
        with self._writing:
            starts = list(self._starts)
        if offset == upto:
            return
        index = bisect_right(starts, offset) - 1
        gone = LogGone(offset, self.oldest, upto)
        if index < 0 or offset > upto:
            raise gone
        for start in starts[index:]:
            try:
                with opened(self._path(start)) as file:
                    size, begin = os.fstat(file).st_size, max(offset - start, 0)
                    if begin > size:
                        raise gone
                    for at, record in walk(file, begin, min(size, upto - start), measurements):
                        yield start + at, record
            except (FileNotFoundError, Torn):
                raise gone from None

    def _sync(self) -> None:
        with self._writing:
            end = self.end
            file = os.dup(self._file) if self._file >= 0 else -1  # appending may close it meanwhile
        try:
            if file >= 0:
                self._fsync(file)
        except OSError:
            with self._writing:
                self._take_back()
            return
        finally:
            if file >= 0:
                os.close(file)
        with self._grown:
            self.synced = end
            self._grown.notify_all()

    def _take_back(self) -> None:
        """Cut off all that is not synced. Its offsets are used up, so that none can be taken for another's."""
        self._taken_back.append((self.synced, self.end))
        self._close()
        while self._starts and self._starts[-1] >= self.synced:
            self._path(self._starts.pop()).unlink(missing_ok=True)
        if self._starts:
            with contextlib.suppress(OSError):
                os.truncate(self._path(self._starts[-1]), self.synced - self._starts[-1])

    def _make_room(self) -> None:
        """Begin a new segment when there is none or the last one is full, whose end is synced first."""
        if self._file >= 0 and self.end - self._starts[-1] >= self.segment:
            try:
                self._fsync(self._file)
            except OSError:
                self._take_back()
                raise
            self._close()
        if self._file < 0:
            self._file = os.open(self._path(self.end), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            if not self._starts or self._starts[-1] != self.end:
                self._starts.append(self.end)
            sync_folder(self.folder)

    def _undo(self) -> None:
        """Cut what was half written off the file."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.end - self._starts[-1])

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _recover(self) -> int:
        """Cut the torn end off the last segment; where the log ends then."""
        start = self._starts[-1]
        self._file = os.open(self._path(start), os.O_RDWR | os.O_APPEND)
        size, whole = os.fstat(self._file).st_size, 0
        try:
            for at, record in walk(self._file, 0, size):
                whole, self.last_received = at, record.received if record else 0
        except Torn:
            os.ftruncate(self._file, whole)
            self._fsync(self._file)
            self.torn = size - whole
        return start + whole

    def _path(self, start: int) -> Path:
        return self.folder / f"{start:020d}.log"
