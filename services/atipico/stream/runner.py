"""A job on the embedded engine: log to agent, answers to scores, marks to the ledger; begins again when it breaks."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import structlog

from atipico.at_work import at_work
from atipico.config import run_dir
from atipico.errors import AtipicoError, NotYet, Refused
from atipico.metrics import RETRIES, REWINDS
from atipico.registry.jobs import Job
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.link import Link
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.outgoing import Reader
from atipico.stream.section import Section
from atipico.stream.sender import Back, Sender
from atipico.stream.settings import HostSettings
from atipico.stream.source import Source
from atipico.stream.store import LogGone, StoreClient
from atipico.stream.taker import Taker

_MOST_PAUSE_S = 2.0


class JobRunner:
    """Runs one job until `stop` is set. Nothing it meets ends it: it begins again at the newest mark.

    A Sender reads the log and sends, in this thread; a Taker takes answers in and writes outcomes. A mark is committed
    only after the outcomes below it were accepted by the store. For a sample that came late the job goes back to a mark
    before it, and what came since is sent again in the order of the job's clock.
    """

    def __init__(self, job: Job, settings: HostSettings, socket: Path, ledger: Ledger, stop: threading.Event) -> None:
        self._job, self._settings, self._socket = job, settings, socket
        self._ledger, self._stop = ledger, stop
        self._outcomes = OutcomeLines(job.name, job.scores)
        self._log = structlog.get_logger("host").bind(job=job.name)
        self._source = Source(job, settings, self._client(), Reader(job, self._outcomes))
        self._sink = self._client()
        self._back: Back | None = None  # where to begin next
        self.unanswered = 0  # samples of the last connection that are without an outcome

    def run(self) -> None:
        """Run until stopped."""
        pause_s = 0.1
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                with at_work(f"job {self._job.name}"):
                    self._back = self._run_connected() or self._back
                continue
            except NotYet as error:
                self._log.warning("begins again", error=str(error))
            except AtipicoError as error:
                self._log.error("begins again", error=str(error))
            except Exception:
                self._log.exception("begins again")
            RETRIES.labels("agent").inc()
            pause_s = 0.1 if time.monotonic() - begun > 10 * _MOST_PAUSE_S else min(2 * pause_s, _MOST_PAUSE_S)
            self._stop.wait(pause_s)

    @property
    def unread(self) -> int:
        """Bytes of the log that were not read yet, as far as is known."""
        return self._source.unread

    def _run_connected(self) -> Back | None:
        """Until stopped, or it is time to go back: where to. Raises what ended the connection otherwise."""
        link = Link(self._socket, self._settings.agent_timeout)
        try:
            mark, again = self._begin(link)
            taker = Taker(self._job, self._settings, link, self._ledger, self._sink, self._outcomes)
            taker.again = again.samples if again else 0
            taker.start()
            try:
                back = Sender(self._job, self._settings, self._ledger, self._source, link, taker).run(
                    mark.offset, again, self._stop
                )
            finally:
                taker.stop()
                self.unanswered = len(taker.pending)
            if taker.ended and not back and not self._stop.is_set():
                raise taker.ended
            return back
        finally:
            link.close()

    def _begin(self, link: Link) -> tuple[Mark, Section | None]:
        """Have the agent know what it knew at a mark; the mark, and what to send again of what came behind it."""
        back, self._back = self._back, None
        if back:  # should the agent be killed now, what came late comes late again
            self._ledger.go_back(back.mark)
            REWINDS.labels(self._job.name).inc()
        link.begin(self._job.name, self._job.labels.stream if self._job.labels else "")
        mark = self._ledger.newest()
        try:
            if mark.snapshot:
                link.restore(mark.snapshot.encode())
        except Refused:
            self._log.error("checkpoint not taken back, falls back to the one before", offset=mark.offset)
            self._ledger.drop_newest()
            raise
        again = back.again if back else self._begun_before(mark)
        self._log.info("begins", session=link.session, offset=mark.offset, again=again.samples if again else 0)
        return mark, again

    def _begun_before(self, mark: Mark) -> Section | None:
        """What a mark does not know of a section that was sent before it was made."""
        try:
            return self._source.section(mark, mark.until) if mark.until else None
        except LogGone:  # as the sender will find and say
            return None

    def _client(self) -> StoreClient:
        settings = self._settings
        return StoreClient(settings.store_host, settings.store_port, settings.store_timeout, run_dir() / "token")
