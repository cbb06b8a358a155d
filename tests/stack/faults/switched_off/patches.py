"""What can be switched off, a function each: it makes the part that calls it worse than it is."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from pathlib import Path


def few_awake() -> None:
    """agent: no protection less, but keys that are more than a few sleep on disk, as do ten thousands elsewhere."""
    from atipico.features import memory

    memory.MOST_AWAKE = 120


_WORK = {
    "generator": ("generator.spool", "Spool", "done"),
    "store": ("store.log", "Log", "append"),
    "host": ("stream.pending", "Pending", "answered"),
    "agent": ("agent.work", "JobWork", "answers"),
    "classifier": ("registry.models", "Model", "score"),
}


def dead_lock() -> None:
    """any part: once its file `dead_lock.<part>` is in the run folder, its next piece of work waits for ever, with all
    that it holds."""
    part = sys.orig_argv[sys.orig_argv.index("--part-of") + 2]
    module, owner, method = _WORK[part]
    kind = getattr(importlib.import_module(f"atipico.{module}"), owner)
    work, wanted = getattr(kind, method), Path(os.environ["ATIPICO_RUN"]) / f"dead_lock.{part}"

    def locked(self, *given, **named):  # type: ignore[no-untyped-def]
        try:
            wanted.unlink()  # by one thread of several
        except FileNotFoundError:
            return work(self, *given, **named)
        never = threading.Lock()
        never.acquire()
        never.acquire()

    setattr(kind, method, locked)


def spool_off() -> None:
    """generator: what was read waits in memory alone; only the place behind it in the source is on disk."""
    from atipico.generator.spool import Block, Spool

    kept: list[Block] = []
    put, number = Spool.put, iter(range(1, 2**62))

    def put_place(self, lines, samples, labels, last, source, position):  # type: ignore[no-untyped-def]
        put(self, b"", 0, 0, last, source, position)
        with self._changed:
            kept.append(Block(next(number), lines, samples, labels, last))
            self._bytes += len(lines)
            self._changed.notify_all()

    def done(self, blocks, refused=None):  # type: ignore[no-untyped-def]
        with self._changed:
            del kept[: len(blocks)]
            self._bytes -= sum(len(block.lines) for block in blocks)

    Spool.put, Spool.done = put_place, done  # type: ignore[method-assign]
    Spool.take = lambda self, most_bytes: list(kept[:100])  # type: ignore[method-assign]


def _with_synced_lengths(really: bool) -> None:
    """Note beside each file of the log how much of it is on the disk itself, as a power cut would leave it."""
    from atipico.store import disk, log

    fsync = disk.fsync

    def note(path: Path, length: int) -> None:
        draft = path.with_suffix(f".{threading.get_ident()}")
        draft.write_text(str(length))
        draft.replace(path.with_suffix(".synced"))

    def noting(file: int) -> None:
        length, path = os.fstat(file).st_size, Path(os.readlink(f"/proc/self/fd/{file}"))
        if really:
            fsync(file)
            note(path, length)

    for path in Path(os.environ["ATIPICO_RUN"]).glob("store/*/log/*.log"):
        note(path, path.stat().st_size)  # what the store before this one wrote was synced
    log.Log.__init__.__kwdefaults__["sync"] = noting


def synced_lengths() -> None:
    """store: as it is, with the synced length of its log noted."""
    _with_synced_lengths(really=True)


def fsync_off() -> None:
    """store: a write is answered before its lines are on the disk."""
    _with_synced_lengths(really=False)


def checkpoint_off() -> None:
    """agent: whatever it is to go back to, it remembers nothing."""
    from atipico.agent.work import JobWork

    JobWork.rewind = lambda self, snapshot: self._known.forget()  # type: ignore[method-assign]


def stamped_now() -> None:
    """host: an outcome has the time at which it was written, not its sample's."""
    from atipico.stream.outcomes import OutcomeLines

    line = OutcomeLines.line
    OutcomeLines.line = lambda self, head, score, when: line(self, head, score, time.time_ns())  # type: ignore[method-assign]


def rewind_off() -> None:
    """host: begins where the log ends now, not at its mark."""
    from atipico.stream.sender import Sender

    run = Sender.run

    def at_the_end(self, offset, again, stop):  # type: ignore[no-untyped-def]
        end = self._source.read(None, 0).after + self._source.unread
        return run(self, end, None, stop)

    Sender.run = at_the_end  # type: ignore[method-assign]


def late_off() -> None:
    """host: does not go back for what came late."""
    from atipico.stream.late import Latecomers

    Latecomers.note = lambda self, *told: None  # type: ignore[method-assign]


def retry_off() -> None:
    """host: outcomes that the store does not take at once are not written again."""
    from atipico.errors import NotYet
    from atipico.stream.store import StoreClient

    write = StoreClient.write

    def once(self, database, lines):  # type: ignore[no-untyped-def]
        try:
            write(self, database, lines)
        except NotYet:
            return

    StoreClient.write = once  # type: ignore[method-assign]
