"""What is sent again to the agent, and where its outcomes go: what a repair and a polled stream have in common."""

from __future__ import annotations

import time

import structlog

from atipico.answer import Answered
from atipico.engines.kapacitor.influx import Influx
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.marks import Mark
from atipico.engines.sweeper.rows import Row, Rows
from atipico.errors import Refused
from atipico.metrics import LOST, SAMPLES_OUT
from atipico.registry.jobs import Job
from atipico.stream.outcomes import OutcomeLines

SECOND = 10**9
_SETTLED_NS = SECOND  # how old what is read is at least; who writes at once may still be writing what is newer
_FIRST_NS, _MOST_NS = SECOND, 20 * SECOND  # read at once
_FEW, _MANY = 2000, 20_000  # rows read at once


class Again:
    """Feeds one job from InfluxDB."""

    def __init__(self, job: Job, settings: KapacitorSettings, influx: Influx, rows: Rows) -> None:
        self._job, self._settings, self._influx, self._rows = job, settings, influx, rows
        self._lines = OutcomeLines(job.name, job.scores)
        self._out = SAMPLES_OUT.labels(job.name)
        self.refused_until = 0  # the newest sample whose outcome the store will never take, ns
        self._log = structlog.get_logger("sweeper").bind(job=job.name)

    def go_back(self, feed: Feed, marks: list[Mark], since: int) -> Mark:
        """To the newest of some marks that the agent takes; where it takes none the job begins anew.

        marks: the newest first. since: when the job began, ns.
        """
        for mark in marks:
            try:
                feed.restore(mark.snapshot)
                return mark
            except Refused as error:
                self._log.error("a mark is not taken back, falls back to the one before", error=str(error))
        begin = max(since, time.time_ns() - round(self._settings.sweep_back * SECOND))
        self._log.error("no mark to go back to: the job forgets what it knew", begins_at=begin)
        feed.restore("")
        return Mark(begin)

    def feed(self, feed: Feed, rows: list[Row], first: int) -> int:
        """Send rows, and write the outcomes of those that are not older than `first`, ns; how many these are."""
        many = 0
        for some in feed.portions(rows):
            line = self._lines.line
            told = [line(row.head, score, row.time) for row, score in feed.scores(some) if row.time >= first]
            if told:
                feed.knock()
                self._write(told, some[-1].time)
            many += len(told)
        self._out.inc(many)
        return many

    def _write(self, told: list[str], until: int) -> None:
        try:
            self._influx.write(self._job.database, self._settings.retention_policy, "\n".join(told).encode())
        except Answered as error:
            if error.status != 400:  # some rows do not fit what others wrote into the measurement
                raise
            LOST.labels("outcome refused by the store").inc()
            self._log.error("outcomes refused", error=str(error), rows=len(told))
            self.refused_until = until

    def from_mark(self, feed: Feed, mark: Mark, since: int, first: int) -> Ahead:
        """What lies behind a mark that the job was taken back to."""
        overlap = round(self._settings.overlap * SECOND) if mark.snapshot else 0
        return Ahead(self, self._rows, feed, max(mark.until - overlap, since), mark.reached, first)

    def one_by_one(self, feed: Feed, begin: int, end: int) -> int:
        """What is missing before any mark is scored as it comes: late."""
        many, step = 0, _FIRST_NS
        for at in range(begin, end, step):
            told, rows = self._rows.told(at, min(at + step, end)), self._rows.samples(at, min(at + step, end))
            missing = [row for row in rows if (row.time, row.head) not in told]
            many += self.feed(feed, sorted(missing, key=lambda row: row.place), begin)
        return many


class Ahead:
    """What InfluxDB has from a mark on, in pieces. at: all before, ns, was sent. many: outcomes that were written."""

    def __init__(self, again: Again, rows: Rows, feed: Feed, at: int, reached: dict[str, int], first: int) -> None:
        self._again, self._rows, self._feed, self._reached, self._first = again, rows, feed, reached, first
        self.at, self.many, self._step = at, 0, _FIRST_NS

    def send(self) -> bool:
        """Send a piece; whether there is more that is not quite new."""
        settled = time.time_ns() - _SETTLED_NS
        if settled <= self.at:
            return False
        if self._step > _MOST_NS and self._rows.count(self.at, min(self.at + self._step, settled)):
            self._step = _MOST_NS  # where nothing is for long, long pieces are read, and this is the end of that
        end = min(self.at + self._step, settled)
        many = self._send_until(end)
        if many < _FEW:
            self._step = 2 * self._step if not many else min(2 * self._step, _MOST_NS)
        elif many > _MANY:
            self._step = max(self._step // 2, SECOND // 10)
        return end < settled

    def send_rest(self) -> None:
        """Send what is there by now, however new."""
        while self.send():
            pass
        self._send_until(time.time_ns())

    def _send_until(self, end: int) -> int:
        self._feed.knock()
        rows = self._rows.read(self.at, end)
        self.many += self._again.feed(self._feed, self._unknown(rows), self._first)
        self.at = end
        return len(rows)

    def _unknown(self, rows: list[Row]) -> list[Row]:
        """Rows less the samples that the mark knows; a label that comes again is none that is waited for."""
        reached = self._reached
        return [row for row in rows if not row.head or row.time > reached.get(row.group, row.time - 1)]
