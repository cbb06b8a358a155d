"""Makes outcomes anew from where some were lost: the job goes back and is fed what InfluxDB has, up to now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from atipico.engines.kapacitor.influx import Influx
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.marks import Mark, Marks
from atipico.engines.sweeper.rows import Row, Rows
from atipico.errors import AtipicoError, Refused
from atipico.metrics import LOST, REWINDS, SAMPLES_OUT
from atipico.registry.jobs import Job
from atipico.stream.outcomes import OutcomeLines

_SECOND = 10**9
_SETTLED_NS = _SECOND  # how old what is read is at least; who writes at once may still be writing what is newer
_FIRST_NS, _MOST_NS = _SECOND, 600 * _SECOND  # read at once
_FEW, _MANY = 2000, 20_000  # rows read at once


class Repairs:
    """Repairs one job, from a time on. Whoever is killed in the midst begins again at the same place."""

    def __init__(self, job: Job, settings: KapacitorSettings, socket: Path, influx: Influx, rows: Rows) -> None:
        self._job, self._settings, self._socket, self._influx, self._rows = job, settings, socket, influx, rows
        self._lines = OutcomeLines(job.name, job.scores)
        self._out = SAMPLES_OUT.labels(job.name)
        self._log = structlog.get_logger("sweeper").bind(job=job.name)

    def run(self, lost: int, marks: Marks, since: int, revive: Callable[[], None], stop: threading.Event) -> None:
        """Make all outcomes anew from `lost` (ns) on. since: when the job began, ns. Raises NotYet, Refused.

        revive: has the samples that come now reach the agent again; called when the job is nearly up to date, while
        what they bring waits. Where it can't, the next repair is told again.
        """
        begun, older = time.monotonic(), bool(marks.newest) and not marks.before(lost)
        if not older:
            marks.begin_repair(lost)
        feed = Feed(self._job, self._socket, self._settings.agent_timeout, again=True)
        try:
            if older and marks.newest:
                many = self._one_by_one(feed, lost, marks.newest.until)
            else:
                many = self._from_a_mark(feed, lost, marks.before(lost), since, revive, stop)
                if stop.is_set():
                    return
                marks.end_repair(feed.snapshot())
        finally:
            feed.close()
        self._log.warning("outcomes made anew", since=lost, rows=many, took_s=round(time.monotonic() - begun, 1))
        REWINDS.labels(self._job.name).inc()
        self._out.inc(many)

    def _one_by_one(self, feed: Feed, lost: int, until: int) -> int:
        """What was lost before any mark is scored as it comes: late."""
        told = self._rows.told(lost, until)
        missing = [row for row in self._rows.samples(lost, until) if (row.time, row.head) not in told]
        return self._feed(feed, sorted(missing, key=lambda row: row.place), lost)

    def _from_a_mark(
        self, feed: Feed, lost: int, marks: list[Mark], since: int, revive: Callable[[], None], stop: threading.Event
    ) -> int:
        mark = self._gone_back_to(feed, marks, since)
        reached, overlap = mark.reached, round(self._settings.overlap * _SECOND) if mark.snapshot else 0
        at, step, many = max(mark.until - overlap, since), _FIRST_NS, 0
        now = at + 1
        while at < now and not stop.is_set():
            now = time.time_ns() - _SETTLED_NS
            rows = self._rows.read(at, min(at + step, now))
            at = min(at + step, now)
            many += self._feed(feed, _unknown(rows, reached), lost)
            step = _next_step(step, len(rows))
        try:
            revive()
        except AtipicoError as error:
            self._log.error("not revived, tries again", error=str(error))
        rest = self._rows.read(at, time.time_ns())
        return many + self._feed(feed, _unknown(rest, reached), lost)

    def _gone_back_to(self, feed: Feed, marks: list[Mark], since: int) -> Mark:
        """The newest mark that the agent can take the job back to; where there is none the job begins anew."""
        for mark in marks:
            try:
                feed.restore(mark.snapshot)
                return mark
            except Refused as error:
                self._log.error("a mark is not taken back, falls back to the one before", error=str(error))
        begin = max(since, time.time_ns() - round(self._settings.sweep_back * _SECOND))
        self._log.error("no mark to go back to: the job forgets what it knew", begins_at=begin)
        feed.restore("")
        return Mark(begin)

    def _feed(self, feed: Feed, rows: list[Row], lost: int) -> int:
        """Send rows, and write the outcomes of those that are not older than `lost`; how many these are."""
        line = self._lines.line
        told = [line(row.head, score, row.time) for row, score in feed.scores(rows) if row.time >= lost]
        if told:
            self._write(told)
        return len(told)

    def _write(self, told: list[str]) -> None:
        try:
            self._influx.write(self._job.database, self._settings.retention_policy, "\n".join(told).encode())
        except Refused as error:  # some rows do not fit what others wrote into the measurement
            LOST.labels("outcome refused by the store").inc()
            self._log.error("outcomes refused", error=str(error), rows=len(told))


def _unknown(rows: list[Row], reached: dict[str, int]) -> list[Row]:
    """Rows less the samples that the mark knows; a label that comes again is none that is waited for."""
    return [row for row in rows if not row.head or row.time > reached.get(row.group, row.time - 1)]


def _next_step(step: int, rows: int) -> int:
    if rows < _FEW:
        return min(2 * step, _MOST_NS)
    return max(step // 2, _SECOND // 10) if rows > _MANY else step
