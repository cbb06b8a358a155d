"""A job on an InfluxDB that hands nothing over: its samples are asked for as they come, a second behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper.again import Again
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.loop import keep_on
from atipico.engines.sweeper.losses import Losses
from atipico.engines.sweeper.marks import Mark, Marks
from atipico.metrics import REWINDS

_POLL_S = 0.25
_NEVER = 2**63 - 1


class Follow:
    """Follows one job until `stop` is set. since: when it began, ns.

    What is written later than a second behind its time is found by counting, and the job goes back for it.
    """

    def __init__(
        self,
        job: str,
        settings: KapacitorSettings,
        again: Again,
        connect: Callable[[], Feed],
        marks: Marks,
        losses: Losses,
        since: int,
    ) -> None:
        self._settings, self._again, self._connect = settings, again, connect
        self._marks, self._losses, self._since = marks, losses, since
        self._rewinds = REWINDS.labels(job)
        self._log = structlog.get_logger("sweeper").bind(job=job)

    def run(self, stop: threading.Event) -> None:
        keep_on(self._follow, self._settings.sweep_every, stop, self._log)

    def _follow(self, stop: threading.Event) -> None:
        """From the newest mark on, until something was found that lies before what was sent."""
        feed = self._connect()
        try:
            marks = self._marks.before(_NEVER) or [Mark(self._since - 1)]
            mark = self._again.go_back(feed, marks, self._since)
            ahead = self._again.from_mark(feed, mark, self._since, first=0)
            looked = marked = time.monotonic()
            while not stop.is_set():
                if ahead.send():
                    continue
                now = time.monotonic()
                if now - looked > self._settings.sweep_every:
                    looked = now
                    if self._has_to_go_back(feed, ahead.at):
                        return
                if now - marked > self._settings.mark_every:
                    marked = now
                    self._marks.end_repair(feed.snapshot())
                stop.wait(_POLL_S)
        finally:
            feed.close()

    def _has_to_go_back(self, feed: Feed, upto: int) -> bool:
        """Whether a mark lies before what is missing. Where none does, it is scored as it is."""
        look, lost = self._losses.look(self._since, upto)
        if lost is None:
            self._losses.settle(look, upto)
            return False
        self._losses.forget(self._again.refused_until)
        if not self._marks.before(lost):
            self._again.one_by_one(feed, lost, upto)
            return False
        self._marks.begin_repair(lost)
        self._rewinds.inc()
        self._log.info("goes back for what came late", since=lost)
        return True
