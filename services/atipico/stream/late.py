"""What came late over one connection and that its job should go back for."""

from __future__ import annotations

import threading
import time

import structlog

from atipico.metrics import TOO_LATE
from atipico.registry.jobs import Job
from atipico.stream.ledger import Ledger, Mark
from atipico.wire.points import Late

_SAID_EVERY_S = 60.0


class Latecomers:
    """The clocks of samples that came late and that a mark lies before. One thread notes them, another decides.

    While there are any, no mark may be made: it would know of them, and after a crash they would not come late again.
    """

    def __init__(self, job: Job, ledger: Ledger) -> None:
        self._allowed, self._ledger = job.allowed_late, ledger
        self._clocks: list[int] = []
        self._too_far = -1  # the offset of the mark that is known to be too far back; so is what lies before it
        self._lock = threading.Lock()
        self._too_late, self._say_at = TOO_LATE.labels(job.name), 0.0
        self._log = structlog.get_logger("host").bind(job=job.name)

    def __bool__(self) -> bool:
        return bool(self._clocks)

    def note(self, late: Late, again: bool) -> None:
        """A sample came late. again: it did so also in its order, so that no mark lies before it."""
        with self._lock:
            if again or late.behind > self._allowed:
                self._too_late.inc()
            elif self._mark_before(late.clock):
                self._clocks.append(late.clock)
            else:
                self._leave([late.clock], "no mark lies before it that is near enough")

    def mark(self) -> Mark | None:
        """The mark to go back to for the earliest of them."""
        with self._lock:
            return self._mark_before(min(self._clocks)) if self._clocks else None

    def give_up(self, mark: Mark | None, why: str) -> None:
        """The job can't go back to a mark: what no later one lies before stays as it is."""
        with self._lock:
            self._too_far = max(self._too_far, (mark.offset or 0) if mark else 0)
            clocks, self._clocks = self._clocks, []
            left = list[int]()
            for clock in clocks:
                (self._clocks if self._mark_before(clock) else left).append(clock)
            self._leave(left, why)

    def _mark_before(self, clock: int) -> Mark | None:
        mark = self._ledger.before(clock)
        return mark if mark and (mark.offset or 0) > self._too_far else None

    def _leave(self, clocks: list[int], why: str) -> None:
        self._too_late.inc(len(clocks))
        if clocks and time.monotonic() >= self._say_at:
            self._say_at = time.monotonic() + _SAID_EVERY_S
            self._log.warning("late, and what was scored after it stays as it is", clock=min(clocks), why=why)
