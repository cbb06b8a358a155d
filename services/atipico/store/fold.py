"""The thread that folds what was accepted from memory into the tables. The log is read only after a restart."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import structlog

from atipico.at_work import at_work, waiting
from atipico.errors import NotYet
from atipico.store.catalog import Row, Statement
from atipico.store.log import Log
from atipico.store.tables import Tables

_AT_ONCE = 20_000  # rows in one transaction, about
_AGAIN_S = 1.0
_say = structlog.get_logger("store")


class _Batch(NamedTuple):
    offset: int
    rows: Sequence[Row]
    news: Sequence[Statement]


class Fold:
    """Takes rows in the order of the log and writes them once the log below them is synced.

    most: how many rows may wait. It alone uses `tables`; others hand it their work (`do`).
    """

    def __init__(self, tables: Tables, log: Log, folded: int, most: int) -> None:
        self.folded, self.waiting = folded, 0
        self._tables, self._log, self._most = tables, log, most
        self._batches: deque[_Batch] = deque()
        self._jobs: deque[Callable[[Tables], None]] = deque()
        self._changed = threading.Condition()
        self._stopping = self._failing = False
        self._thread = threading.Thread(target=self._run, name="fold", daemon=True)
        self._thread.start()

    def put(self, offset: int, rows: Sequence[Row], news: Sequence[Statement]) -> None:
        """Hand over what the log holds up to an offset. Callers come in the order of their offsets."""
        with self._changed:
            self._batches.append(_Batch(offset, rows, news))
            self.waiting += len(rows)

    def wake(self) -> None:
        """Tell that the log was synced."""
        with self._changed:
            self._changed.notify_all()

    def wait_for_room(self, timeout_s: float) -> None:
        """Wait until no more rows wait than may. Raises NotYet when that takes too long, or the disk takes nothing."""
        with waiting(), self._changed:
            self._changed.wait_for(lambda: self._failing or self.waiting < self._most, timeout_s)
            if self.waiting >= self._most:
                raise NotYet(f"store: {self.waiting} rows wait to be folded, at most {self._most} may; try again", 1.0)

    def wait(self, offset: int, timeout_s: float, writes: bool = False) -> None:
        """Wait until all below an offset is in the tables. Raises NotYet when that takes too long.

        writes: who waits holds up others that write, and gives up at once while the disk takes nothing.
        """
        with waiting(), self._changed:
            self._changed.wait_for(lambda: (writes and self._failing) or self.folded >= offset, timeout_s)
            if self.folded < offset:
                raise NotYet(f"store: not yet folded up to {offset}, only to {self.folded}; try again", 1.0)

    def do(self, job: Callable[[Tables], None], timeout_s: float = 60.0) -> None:
        """Have a short job done between two folds, and wait for it. Raises NotYet when that takes too long."""
        done = threading.Event()

        def wrapped(tables: Tables) -> None:
            try:
                job(tables)
            finally:
                done.set()

        with self._changed:
            self._jobs.append(wrapped)
            self._changed.notify_all()
        with waiting():
            if not done.wait(timeout_s):
                raise NotYet(f"store: the tables were busy for {timeout_s:g} s")

    def stop(self) -> None:
        """Fold what is synced and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._ready() or self._stopping)
                batches, jobs = self._take(), [self._jobs.popleft() for _ in range(len(self._jobs))]
                if not batches and not jobs and self._stopping:
                    return
            with at_work("fold"):
                if batches and not self._fold(batches):
                    return
                for job in jobs:
                    self._try(job)

    def _ready(self) -> bool:
        return bool(self._batches) and self._batches[0].offset <= self._log.synced

    def _take(self) -> list[_Batch]:
        """The next batches that are safe. What the disk did not take is left out: nobody was told it was accepted."""
        taken: list[_Batch] = []
        rows = 0
        while self._ready() and rows < _AT_ONCE:
            batch = self._batches.popleft()
            if self._log.took_back(batch.offset):
                self.waiting -= len(batch.rows)
                batch = batch._replace(rows=())
            rows += len(batch.rows)
            taken.append(batch)
        return taken

    def _fold(self, batches: list[_Batch]) -> bool:
        """Write batches, again until they are taken; False when told to stop before that: the log has them."""
        news = [statement for batch in batches for statement in batch.news]
        rows = [row for batch in batches for row in batch.rows]
        while not self._try(lambda tables: tables.fold(news, rows, batches[-1].offset)):
            with waiting(), self._changed:  # the disk is full, say: writers are held back meanwhile
                self._failing = True
                self._changed.notify_all()
                if self._changed.wait_for(lambda: self._stopping, _AGAIN_S):
                    return False
        with self._changed:
            self.folded, self._failing = batches[-1].offset, False
            self.waiting -= len(rows)
            self._changed.notify_all()
        return True

    def _try(self, job: Callable[[Tables], None]) -> bool:
        try:
            job(self._tables)
        except Exception as error:  # whatever it is, the thread must go on
            _say.error("the tables did not take it", tables=str(self._tables.path), error=repr(error))
            return False
        return True
