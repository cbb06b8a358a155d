"""A job's rows from the store's log to one that takes them, at its own pace: its outcomes to a sink, its alerts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from atipico.config import run_dir
from atipico.errors import AtipicoError, NotYet
from atipico.metrics import BACKLOG, RETRIES
from atipico.ports import Sink
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


class Feed(NamedTuple):
    """What a relay hands over and to whom: rows of a measurement that are the job's and `wanted`.

    name: in logs and files. from_now: what the log held before the relay's first start is none of its business. singly:
    a row at a time, with a mark behind each. seldom: a mark each `checkpoint_every` does, as for windows; what is taken
    a second time then changes nothing at the far side.
    """

    name: str
    measurement: str
    sink: Sink
    wanted: Callable[[Sample], bool] = lambda row: True
    from_now: bool = False
    singly: bool = False
    seldom: bool = False


class Relay:
    """Runs until `stop` is set, whatever it meets. The ledger holds how far the sink is, and where it stood there.

    It reads what the store has accepted, so nothing here holds the scoring up, and a sink that is down misses nothing
    that the log still has. The log is not kept for it: what retention deletes first is in `scores` alone, and is said.
    """

    def __init__(
        self,
        job: Job,
        feed: Feed,
        settings: HostSettings,
        source: StoreClient,
        ledger: Ledger,
        stop: threading.Event,
    ) -> None:
        self._job, self._feed, self._settings = job, feed, settings
        self._source, self._ledger, self._stop = source, ledger, stop
        self._log = structlog.get_logger("host").bind(job=job.name, sink=feed.name)
        self._backlog = BACKLOG.labels(f"{job.name} {feed.name} log bytes")
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
        state, offset = self._feed.sink.resume(mark.snapshot), mark.offset
        if offset is None and self._feed.from_now:
            offset = self._source.end(self._job.database, self._feed.measurement)
        if (offset, state) != (mark.offset, mark.snapshot):  # before the first write, so that it can be taken back
            self._commit(Mark(offset, state))
        committed = time.monotonic()
        while not self._stop.is_set():
            block = self._read(offset)
            outcomes = self._mine(block)
            for some in self._pieces(outcomes):
                state = self._feed.sink.write(some)  # not at_work: a sink of anybody's may wait for whom it tells
                self._tries, self._pause_s = 0, _FIRST_PAUSE_S
                if some[-1] is not outcomes[-1]:
                    self._commit(Mark(offset, state))
            due = block.after != offset and time.monotonic() - committed > self._settings.checkpoint_every
            if due or (outcomes and not self._feed.seldom):
                self._commit(Mark(block.after, state))
                committed = time.monotonic()
            offset = block.after
            self._backlog.set(block.end - block.after)

    def _read(self, offset: int | None) -> LogBlock:
        job, block = self._job, self._settings.block
        try:
            return self._source.read(job.database, [self._feed.measurement], offset, block, 0.5, "", 0)
        except LogGone as error:
            self._log.error("outcomes left the log before the sink had them", offset=offset, oldest=error.oldest)
            return LogBlock(b"", error.oldest, error.oldest, error.oldest)

    def _mine(self, block: LogBlock) -> list[Sample]:
        rows = lines.parse(block.lines, now=0).samples if block.lines else []
        return [one for one in rows if one.tags.get(JOB_TAG) == self._job.name and self._feed.wanted(one)]

    def _pieces(self, rows: list[Sample]) -> list[list[Sample]]:
        return [[row] for row in rows] if self._feed.singly else [rows] if rows else []

    def _commit(self, mark: Mark) -> None:
        try:
            self._ledger.commit(mark)
        except OSError as error:
            raise NotYet(f"no mark of the sink: {error.strerror}") from error


def sink_feed(job: Job, spec: SinkSpec) -> Feed:
    """A job's outcomes for one of its sinks."""
    sink = make(spec.kind, spec.to, **dict(spec.settings))
    return Feed(spec.name, job.scores, sink, _anomalous if spec.only == "anomalous" else lambda row: True)


def _anomalous(outcome: Sample) -> bool:
    return outcome.fields.get("anomalous") is True


def make_relay(job: Job, feed: Feed, settings: HostSettings, stop: threading.Event) -> Relay:
    """A relay with a connection to the store and a ledger of its own in the run folder."""
    ledger = Ledger(run_dir() / "host" / f"{job.name}.{feed.name}.json")
    return Relay(job, feed, settings, client(settings), ledger, stop)


def client(settings: HostSettings) -> StoreClient:
    """A connection to the store of one's own."""
    return StoreClient(settings.store_host, settings.store_port, settings.store_timeout, run_dir() / "token")
