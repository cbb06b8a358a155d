"""A job's outcomes from the store's log to one of its sinks, at the sink's own pace."""

from __future__ import annotations

import threading
import time

import structlog

from atipico.config import run_dir
from atipico.errors import AtipicoError, NotYet
from atipico.metrics import BACKLOG, RETRIES
from atipico.registry.jobs import Job
from atipico.sinks import make
from atipico.sinks.spec import SinkSpec
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.settings import HostSettings
from atipico.stream.store import LogBlock, LogGone, StoreClient
from atipico.wire import lines
from atipico.wire.sample import JOB_TAG, Sample

_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.2, 60.0
_SAID_EVERY = 30  # tries that fail in a row


class Relay:
    """Runs until `stop` is set, whatever it meets. The ledger holds how far the sink is, and where it stood there.

    It reads what the store has accepted, so nothing here holds the scoring up, and a sink that is down misses nothing
    that the log still has. The log is not kept for it: what retention deletes first is in `scores` alone, and is said.
    """

    def __init__(
        self,
        job: Job,
        spec: SinkSpec,
        settings: HostSettings,
        source: StoreClient,
        ledger: Ledger,
        stop: threading.Event,
    ) -> None:
        self._job, self._spec, self._settings = job, spec, settings
        self._source, self._ledger, self._stop = source, ledger, stop
        self._sink = make(spec.kind, spec.to, **dict(spec.settings))
        self._log = structlog.get_logger("host").bind(job=job.name, sink=spec.name)
        self._backlog = BACKLOG.labels(f"{job.name} {spec.name} log bytes")
        self._tries, self._pause_s = 0, _FIRST_PAUSE_S

    def run(self) -> None:
        """Relay until stopped; what fails is begun again at the newest mark, with growing pauses."""
        while not self._stop.is_set():
            wait_s = 0.0
            try:
                self._relay()
            except NotYet as error:
                wait_s = error.retry_after_s
                self._say(str(error))
            except AtipicoError as error:
                self._say(str(error))
            except Exception:
                self._log.exception("sink begins again")
            RETRIES.labels("sink").inc()
            self._stop.wait(min(max(self._pause_s, wait_s), _MOST_PAUSE_S))
            self._pause_s = min(2 * self._pause_s, _MOST_PAUSE_S)

    def _say(self, error: str) -> None:
        if self._tries % _SAID_EVERY == 0:
            self._log.warning("outcomes wait for a sink", error=error, tries=self._tries)
        self._tries += 1

    def _relay(self) -> None:
        mark = self._ledger.newest()
        state = self._sink.resume(mark.snapshot)
        if state != mark.snapshot:  # before the first write, so that it can be taken back
            self._commit(Mark(mark.offset, state))
        offset, committed = mark.offset, time.monotonic()
        while not self._stop.is_set():
            block = self._read(offset)
            outcomes = self._mine(block)
            if outcomes:
                state = self._sink.write(outcomes)
                self._tries, self._pause_s = 0, _FIRST_PAUSE_S
            if outcomes or (block.after != offset and time.monotonic() - committed > self._settings.checkpoint_every):
                self._commit(Mark(block.after, state))
                committed = time.monotonic()
            offset = block.after
            self._backlog.set(block.end - block.after)

    def _read(self, offset: int | None) -> LogBlock:
        job = self._job
        try:
            return self._source.read(job.database, [job.scores], offset, self._settings.block, 0.5, "", 0)
        except LogGone as error:
            self._log.error("outcomes left the log before the sink had them", offset=offset, oldest=error.oldest)
            return LogBlock(b"", error.oldest, error.oldest, error.oldest)

    def _mine(self, block: LogBlock) -> list[Sample]:
        outcomes = lines.parse(block.lines, now=0).samples if block.lines else []
        mine = [one for one in outcomes if one.tags.get(JOB_TAG) == self._job.name]
        return mine if self._spec.only == "all" else [one for one in mine if one.fields.get("anomalous") is True]

    def _commit(self, mark: Mark) -> None:
        try:
            self._ledger.commit(mark)
        except OSError as error:
            raise NotYet(f"no mark of the sink: {error.strerror}") from error


def make_relay(job: Job, spec: SinkSpec, settings: HostSettings, stop: threading.Event) -> Relay:
    """The relay of a job's sink, with a connection to the store and a ledger of its own in the run folder."""
    run = run_dir()
    source = StoreClient(settings.store_host, settings.store_port, settings.store_timeout, run / "token")
    return Relay(job, spec, settings, source, Ledger(run / "host" / f"{job.name}.{spec.name}.json"), stop)
