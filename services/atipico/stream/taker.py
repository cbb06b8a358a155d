"""What the agent answers: outcomes to the store, marks to the ledger once the outcomes below them are safe there."""

from __future__ import annotations

import threading

import structlog

from atipico import logs
from atipico.at_work import at_work, waiting
from atipico.errors import NotYet, Refused
from atipico.metrics import LOST, RETRIES, SAMPLES_OUT, dealt_with
from atipico.registry.jobs import Job
from atipico.stream.late import Latecomers
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.link import Link
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.pending import Pending, Row
from atipico.stream.settings import HostSettings
from atipico.stream.store import NotTaken, StoreClient
from atipico.wire.frames import point_of
from atipico.wire.udf_pb2 import Response

_SAID_EVERY = 240  # tries: about once a minute while it lasts


class Taker:
    """Takes the answers of one connection in, in a thread of its own.

    ended: why no more is taken in. kept: whether the newest snapshot and its mark are on disk. again: how many samples
    at the begin of the connection are sent in the order of the job's clock. late: what the job should go back for.
    """

    def __init__(
        self, job: Job, settings: HostSettings, link: Link, ledger: Ledger, sink: StoreClient, outcomes: OutcomeLines
    ) -> None:
        self._job, self._link, self._ledger, self._sink, self._outcomes = job, link, ledger, sink, outcomes
        self.pending = Pending(settings.unanswered)
        self._log = structlog.get_logger("host").bind(job=job.name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"answers {job.name}", daemon=True)
        self.ended: BaseException | None = None
        self.kept, self.again = True, 0
        self.late = Latecomers(job, ledger)
        self._out = SAMPLES_OUT.labels(job.name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more in; what is not in the store yet stays away."""
        self._stop.set()
        self._link.close()
        self._thread.join()

    def commit(self, mark: Mark) -> bool:
        """Whether the disk took the mark; when it is full the job goes on with the mark it has."""
        try:
            self._ledger.commit(mark)
        except OSError as error:
            self._log.error("no mark, more is done again after a crash", offset=mark.offset, error=str(error))
            return False
        return True

    def _run(self) -> None:
        try:
            for messages in self._link.messages():
                self._take(messages)
        except Exception as error:
            self.ended = error

    def _take(self, messages: list[bytes]) -> None:
        with at_work(f"answers of {self._job.name}"):
            answers: list[bytes] = []
            for message in messages:
                if (answer := point_of(message)) is not None:
                    answers.append(answer)
                    continue
                self._take_scores(answers)
                answers = []
                self._take_response(Response.FromString(message))
            self._take_scores(answers)

    def _take_scores(self, answers: list[bytes]) -> None:
        if rows := self.pending.answered(answers):
            first = self.pending.taken - len(rows)
            with logs.about(logs.batch(self._link.session, first, len(rows))):
                self._write(rows)
            for number, row in enumerate(rows, first):
                if row.late is not None:
                    self.late.note(row.late, number < self.again)
            self.pending.done()

    def _take_response(self, response: Response) -> None:
        kind = response.WhichOneof("message")
        if kind == "snapshot":
            mark = self.pending.snapshot_mark()
            snapshot = response.snapshot.snapshot.decode()  # empty when the agent's disk is full
            self.kept = bool(snapshot) and not self.late and self.commit(mark._replace(snapshot=snapshot))
            self.pending.snapshot_taken()
        elif kind == "error":
            raise Refused(f"agent: {response.error.error}")

    def _write(self, rows: list[Row]) -> None:
        line = self._outcomes.line
        body = "\n".join([line(row.head, row.score, row.time) for row in rows]).encode()
        tries = 0
        while True:
            try:
                self._sink.write(self._job.database, body)
                break
            except NotYet as error:
                if tries % _SAID_EVERY == 0:
                    self._log.warning("outcomes wait for the store", error=str(error), rows=len(rows), tries=tries)
                tries += 1
                RETRIES.labels("store").inc()
                with waiting():
                    if self._stop.wait(error.retry_after_s / 4):
                        raise
            except NotTaken as error:  # some rows do not fit what others wrote into the measurement
                LOST.labels("outcome refused by the store").inc(min(error.lines, len(rows)))
                self._log.error("outcomes refused", error=str(error), rows=len(rows))
                break
            except Refused:  # all of them: too much at once, say
                if len(rows) < 2:
                    raise
                self._write(rows[: len(rows) // 2])
                return self._write(rows[len(rows) // 2 :])
        self._out.inc(len(rows))
        dealt_with(self._job.name, "scored", [row.time for row in rows])
