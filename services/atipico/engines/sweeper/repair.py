"""Makes outcomes anew from where some were lost: the job goes back and is fed what InfluxDB has, up to now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper.again import Again
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.sweep import Loss, Stream
from atipico.errors import AtipicoError
from atipico.metrics import REWINDS

_SETTLES_S = 2.0  # and some times as long as outcomes are gathered
_KNOCKS_S = 5.0  # the agent ends a connection that says nothing for long


class Repairs:
    """Repairs one job, from a time on. Whoever is killed in the midst begins again at the same place.

    stream: has the samples that come now reach the agent again, called when the job is nearly up to date, while what
    they bring waits. Where it can't, the next repair is told again.
    """

    def __init__(
        self,
        job: str,
        settings: KapacitorSettings,
        again: Again,
        connect: Callable[[], Feed],
        marks: Marks,
        stream: Stream,
    ) -> None:
        self._again, self._connect, self._marks, self._stream = again, connect, marks, stream
        self._gathers_s = settings.flush
        self._rewinds = REWINDS.labels(job)
        self._log = structlog.get_logger("sweeper").bind(job=job)

    def run(self, loss: Loss, since: int, stop: threading.Event) -> int:
        """Make all outcomes anew from a loss on. since: when the job began, ns. Raises NotYet, Refused.

        Returns the newest sample whose outcome the store will never take, ns.
        """
        begun, lost, newest = time.monotonic(), loss.since, self._marks.newest
        older = newest is not None and not self._marks.before(lost)
        begin = newest.until + 1 if newest and older else lost
        self._marks.begin_repair(begin)
        feed = self._connect()
        try:
            self._tried(lambda: self._settle(feed, loss.stalled))
            many = self._from_a_mark(feed, begin, since, loss.stalled, stop)
            if stop.is_set():
                return self._again.refused_until
            if older:
                many += self._again.one_by_one(feed, lost, begin)
            self._marks.end_repair(feed.snapshot())
        finally:
            feed.close()
        self._log.warning("outcomes made anew", since=lost, rows=many, took_s=round(time.monotonic() - begun, 1))
        self._rewinds.inc()
        return self._again.refused_until

    def _settle(self, feed: Feed, stalled: bool) -> None:
        """Let the stream write what the agent told it; later that would stand over what is made anew.

        The agent tells it no more since `feed` is there. What is on the way from the agent may take as long again.
        """
        until, in_a_row = time.monotonic() + _SETTLES_S + 4 * self._gathers_s, 0
        while in_a_row < 2 and time.monotonic() < until:
            feed.knock()
            in_a_row = 0 if self._stream.unwritten() else in_a_row + 1
            time.sleep(min(self._gathers_s, _KNOCKS_S))
        if in_a_row < 2 and stalled:
            self._stream.revive(stalled)

    def _from_a_mark(self, feed: Feed, lost: int, since: int, stalled: bool, stop: threading.Event) -> int:
        mark = self._again.go_back(feed, self._marks.before(lost), since)
        ahead = self._again.from_mark(feed, mark, since, lost)
        while not stop.is_set() and ahead.send():
            pass
        if stop.is_set():
            return ahead.many
        feed.knock()
        self._tried(lambda: self._stream.revive(stalled))
        ahead.send_rest()
        return ahead.many

    def _tried(self, act: Callable[[], None]) -> None:
        try:
            act()
        except AtipicoError as error:
            self._log.error("the stream does not answer, goes on without", error=str(error))
