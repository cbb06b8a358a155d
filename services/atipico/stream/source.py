"""What the store's log holds for a job, from an offset on or from a mark on in the order of the job's clock."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from atipico.metrics import BACKLOG, LOST
from atipico.registry.jobs import Job
from atipico.stream.ledger import Mark
from atipico.stream.outgoing import Points, Reader
from atipico.stream.section import Section, section
from atipico.stream.settings import HostSettings
from atipico.stream.store import LogBlock, LogGone, StoreClient

WAIT_S = 0.5  # for something new


class Came(NamedTuple):
    """What a piece of the log holds for a job: from the offset `begin` to `after`."""

    sent: Points
    begin: int
    after: int


class Source:
    """A job's view of the log. Not for several threads at once."""

    def __init__(self, job: Job, settings: HostSettings, store: StoreClient, reader: Reader) -> None:
        self._job, self._settings, self._store, self._reader = job, settings, store, reader
        self._measurements = [job.stream, *([job.labels.stream] if job.labels else [])]
        self._backlog = BACKLOG.labels(f"{job.name} log bytes")
        self.unread = 0  # bytes of the log, those of other measurements too

    def read(self, offset: int | None, done: int) -> Came:
        """From an offset on, None for the log's beginning; waits a moment where there is nothing new.

        done: the offset below which nothing is needed again. Raises NotYet.
        """
        job, size = self._job, self._settings.block
        try:
            block = self._store.read(job.database, self._measurements, offset, size, WAIT_S, f"host.{job.name}", done)
        except LogGone as error:
            LOST.labels("log gone before it was read").inc()
            log = structlog.get_logger("host").bind(job=job.name)
            log.error("samples are lost to retention", offset=offset, oldest=error.oldest)
            return Came(Points([], []), error.oldest, error.oldest)
        self.unread = block.end - block.after
        self._backlog.set(self.unread)
        return Came(self._reader.read(block.lines), block.begin, block.after)

    def section(self, mark: Mark, end: int, most: int | None = None) -> Section | None:
        """What a mark does not know of the log below an offset, in order; None when it is more than `most` bytes.

        Raises LogGone, NotYet.
        """

        def read(offset: int, until: int) -> LogBlock:
            job, size = self._job, self._settings.block
            return self._store.read(job.database, self._measurements, offset, size, 0.0, "", 0, until)

        return section(read, self._reader.anew(), mark, end, most)
