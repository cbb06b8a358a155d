"""A job on the embedded engine: log to agent, answers to scores, marks to the ledger; begins again when it breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from atipico import logs
from atipico.config import run_dir
from atipico.errors import AtipicoError, NotYet, Refused
from atipico.metrics import BACKLOG, HOPS, LAG, LOST, RETRIES, SAMPLES_IN, SAMPLES_OUT
from atipico.registry.jobs import Job
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.link import Link
from atipico.stream.outcomes import OutcomeLines
from atipico.stream.pending import Pending, Row
from atipico.stream.settings import HostSettings
from atipico.stream.store import LogBlock, LogGone, NotTaken, StoreClient
from atipico.wire import lines
from atipico.wire.frames import point_of
from atipico.wire.points import PointWriter
from atipico.wire.sample import SOURCE_TAG, Sample
from atipico.wire.udf_pb2 import Response

_MOST_PAUSE_S = 2.0
_SAID_EVERY = 240  # tries: about once a minute while it lasts


class JobRunner:
    """Runs one job until `stop` is set. Nothing it meets ends it: it begins again at the newest mark.

    Two threads: this one reads the log and sends, the other takes answers in and writes outcomes.
    A mark is committed only after the outcomes below it were accepted by the store.
    """

    def __init__(self, job: Job, settings: HostSettings, socket: Path, ledger: Ledger, stop: threading.Event) -> None:
        self._job, self._settings, self._socket = job, settings, socket
        self._ledger, self._stop, self._kept = ledger, stop, True
        self._measurements = [job.stream, *([job.labels.stream] if job.labels else [])]
        self._points = PointWriter(job.database)
        self._outcomes = OutcomeLines(job.name, job.scores)
        self._log = structlog.get_logger("host").bind(job=job.name)
        self._source = self._client()
        self._sink = self._client()
        self._in, self._out = SAMPLES_IN.labels(job.name), SAMPLES_OUT.labels(job.name)
        self._lag, self._backlog = LAG.labels(job.name), BACKLOG.labels(f"{job.name} log bytes")

    def run(self) -> None:
        """Run until stopped."""
        pause_s = 0.1
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                self._run_connected()
            except NotYet as error:
                self._log.warning("begins again", error=str(error))
            except AtipicoError as error:
                self._log.error("begins again", error=str(error))
            except Exception:
                self._log.exception("begins again")
            RETRIES.labels("agent").inc()
            pause_s = 0.1 if time.monotonic() - begun > 10 * _MOST_PAUSE_S else min(2 * pause_s, _MOST_PAUSE_S)
            self._stop.wait(pause_s)

    def _run_connected(self) -> None:
        link = Link(self._socket, self._settings.agent_timeout)
        ended: list[BaseException] = []
        try:
            mark = self._begin(link)
            pending = Pending(self._settings.unanswered)
            taker = threading.Thread(target=self._take_answers, args=(link, pending, ended), daemon=True)
            taker.start()
            try:
                self._send_samples(link, pending, mark, ended)
            finally:
                link.close()
                taker.join()
        finally:
            link.close()
        if ended and not self._stop.is_set():
            raise ended[0]

    def _begin(self, link: Link) -> Mark:
        link.begin(self._job.name, self._job.labels.stream if self._job.labels else "")
        mark = self._ledger.newest()
        try:
            if mark.snapshot:
                link.restore(mark.snapshot.encode())
        except Refused:
            self._log.error("checkpoint not taken back, falls back to the one before", offset=mark.offset)
            self._ledger.drop_newest()
            raise
        self._log.info("begins", session=link.session, offset=mark.offset)
        return mark

    def _send_samples(self, link: Link, pending: Pending, mark: Mark, ended: list[BaseException]) -> None:
        offset, marked, beat = mark.offset, mark.offset, time.monotonic()
        checkpoint_due, unmarked = beat + self._settings.checkpoint_every, 0
        while not ended and not self._stop.is_set():
            now = time.monotonic()
            if now >= beat:
                link.keep_alive(time.time_ns())
                beat = now + self._settings.agent_timeout / 4
            if now >= checkpoint_due and offset is not None and offset != marked and not pending.snapshot_asked():
                self._mark(link, pending, offset, unmarked)
                marked, unmarked, checkpoint_due = offset, 0, now + self._settings.checkpoint_every
            if not pending.wait_for_room(0.5):
                continue
            block = self._read(offset)
            if block.lines:
                unmarked += self._send_block(link, pending, block, offset)
            offset = block.after
            self._backlog.set(block.end - block.after)

    def _mark(self, link: Link, pending: Pending, offset: int, unmarked: int) -> None:
        """Have the windows kept; where no sample came since the mark before, they are those of then."""
        if unmarked or not self._kept:
            pending.add_snapshot(offset)
            link.ask_snapshot()
        else:
            self._commit(self._ledger.newest()._replace(offset=offset))

    def _commit(self, mark: Mark) -> bool:
        """Whether the disk took the mark; when it is full the job goes on with the mark it has."""
        try:
            self._ledger.commit(mark)
        except OSError as error:
            self._log.error("no mark, more is done again after a crash", offset=mark.offset, error=str(error))
            return False
        return True

    def _read(self, offset: int | None) -> LogBlock:
        job, settings = self._job, self._settings
        try:
            return self._source.read(
                job.database,
                self._measurements,
                offset,
                settings.block,
                0.5,
                f"host.{job.name}",
                self._ledger.newest().offset or 0,
            )
        except LogGone as error:
            LOST.labels("log gone before it was read").inc()
            self._log.error("samples are lost to retention", offset=offset, oldest=error.oldest)
            return LogBlock(b"", error.oldest, error.oldest)

    def _send_block(self, link: Link, pending: Pending, block: LogBlock, offset: int | None) -> int:
        """Send what a block of the log holds; a label is answered by nothing. Returns how many points that were."""
        found = lines.parse(block.lines, now=time.time_ns()).samples
        points = [self._points.write(one) for one in found if one.measurement == self._job.stream or self._is_ours(one)]
        samples = [one for one in found if one.measurement == self._job.stream]
        id = logs.batch(link.session, pending.sent, len(samples))
        self._log.debug("sends", request_id=id, log_from=offset, log_to=block.after)
        self._in.inc(len(samples))
        heads = [(self._outcomes.head(sample.measurement, sample.tags), sample.time) for sample in samples]
        pending.add(heads, sum(map(len, points)))
        link.send_points(points)
        return len(points)

    def _is_ours(self, label: Sample) -> bool:
        """Whether a label names a sample of this job's stream, as far as it says of which."""
        return label.tags.get(SOURCE_TAG, self._job.stream) == self._job.stream

    def _take_answers(self, link: Link, pending: Pending, ended: list[BaseException]) -> None:
        try:
            for messages in link.messages():
                answers: list[bytes] = []
                for message in messages:
                    if (answer := point_of(message)) is not None:
                        answers.append(answer)
                        continue
                    self._take_scores(answers, link, pending)
                    answers = []
                    self._take_response(Response.FromString(message), pending)
                self._take_scores(answers, link, pending)
        except Exception as error:
            ended.append(error)

    def _take_scores(self, answers: list[bytes], link: Link, pending: Pending) -> None:
        if rows := pending.answered(answers):
            with logs.about(logs.batch(link.session, pending.taken - len(rows), len(rows))):
                self._write(rows)

    def _take_response(self, response: Response, pending: Pending) -> None:
        kind = response.WhichOneof("message")
        if kind == "snapshot":
            offset = pending.snapshot_offset()
            snapshot = response.snapshot.snapshot.decode()  # empty when the agent's disk is full
            self._kept = bool(snapshot) and self._commit(Mark(offset, snapshot))
            pending.snapshot_taken()
        elif kind == "error":
            raise Refused(f"agent: {response.error.error}")

    def _write(self, rows: list[Row]) -> None:
        line: Callable[..., str] = self._outcomes.line
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
        now = time.time_ns()
        self._lag.set(max(0.0, (now - rows[-1].time) / 1e9))
        HOPS.took("scored", *[max(0.0, (now - row.time) / 1e9) for row in rows[:: 1 + len(rows) // 8]])

    def _client(self) -> StoreClient:
        settings = self._settings
        return StoreClient(settings.store_host, settings.store_port, settings.store_timeout, run_dir() / "token")
