"""Makes outcomes anew from where some were lost: the job goes back and is fed what InfluxDB has, up to now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from atipico.engines.sweeper.again import Again
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.marks import Marks
from atipico.errors import AtipicoError
from atipico.metrics import REWINDS


class Repairs:
    """Repairs one job, from a time on. Whoever is killed in the midst begins again at the same place."""

    def __init__(self, job: str, again: Again, connect: Callable[[], Feed], marks: Marks) -> None:
        self._again, self._connect, self._marks = again, connect, marks
        self._rewinds = REWINDS.labels(job)
        self._log = structlog.get_logger("sweeper").bind(job=job)

    def run(self, lost: int, since: int, revive: Callable[[], None], stop: threading.Event) -> None:
        """Make all outcomes anew from `lost` (ns) on. since: when the job began, ns. Raises NotYet, Refused.

        revive: has the samples that come now reach the agent again; called when the job is nearly up to date, while
        what they bring waits. Where it can't, the next repair is told again.
        """
        begun, newest = time.monotonic(), self._marks.newest
        older = newest is not None and not self._marks.before(lost)
        begin = newest.until + 1 if newest and older else lost
        self._marks.begin_repair(begin)
        feed = self._connect()
        try:
            many = self._from_a_mark(feed, begin, since, revive, stop)
            if stop.is_set():
                return
            if older:
                many += self._again.one_by_one(feed, lost, begin)
            self._marks.end_repair(feed.snapshot())
        finally:
            feed.close()
        self._log.warning("outcomes made anew", since=lost, rows=many, took_s=round(time.monotonic() - begun, 1))
        self._rewinds.inc()

    def _from_a_mark(self, feed: Feed, lost: int, since: int, revive: Callable[[], None], stop: threading.Event) -> int:
        mark = self._again.go_back(feed, self._marks.before(lost), since)
        ahead = self._again.from_mark(feed, mark, since, lost)
        while not stop.is_set() and ahead.send():
            pass
        if stop.is_set():
            return ahead.many
        feed.knock()
        try:
            revive()
        except AtipicoError as error:
            self._log.error("not revived, tries again", error=str(error))
        ahead.send_rest()
        return ahead.many
