"""What goes to the agent over one connection: the log from a mark on, and requests for snapshots."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

import structlog

from atipico import logs
from atipico.metrics import SAMPLES_IN
from atipico.registry.jobs import Job
from atipico.stream.ledger import Ledger, Mark
from atipico.stream.link import Link
from atipico.stream.outgoing import Points
from atipico.stream.section import Section, pieces
from atipico.stream.settings import HostSettings
from atipico.stream.source import WAIT_S, Source
from atipico.stream.store import LogGone
from atipico.stream.taker import Taker

DRAIN_S = 3.0  # after SIGTERM, for what was sent


class Back(NamedTuple):
    """Where a job goes back to: a mark, and what came since, in its order."""

    mark: Mark
    again: Section


class Sender:
    """Sends until stopped, or the other side ended, or it is time to go back for what came late."""

    def __init__(
        self, job: Job, settings: HostSettings, ledger: Ledger, source: Source, link: Link, taker: Taker
    ) -> None:
        self._job, self._settings, self._ledger, self._source = job, settings, ledger, source
        self._link, self._taker, self._pending = link, taker, taker.pending
        self._log = structlog.get_logger("host").bind(job=job.name)
        self._in = SAMPLES_IN.labels(job.name)
        # Of three marks one then lies before all that the job goes back for.
        self._mark_every = max(settings.checkpoint_every, job.allowed_late / 2e9)
        self._mark_due, self._unmarked = time.monotonic() + self._mark_every, 0
        self._soon = 0  # samples that were sent before it is too soon no more to go back

    def run(self, offset: int | None, again: Section | None, stop: threading.Event) -> Back | None:
        """Send `again`, then the log from an offset on. Returns where to go back to, None when it ended otherwise."""
        if again:
            self._send_again(again, stop)
            if self._ended(stop):
                return None
            offset = again.end
        marked = offset
        while not self._ended(stop):
            if offset is not None and offset != marked and self._wants_mark():
                self._mark(offset)
                marked = offset
            if not self._pending.wait_for_room(WAIT_S):
                continue
            came = self._source.read(offset, self._ledger.oldest)
            if offset is None:  # what comes late in the first seconds goes back to here
                self._taker.commit(Mark(came.begin))
            self._send(came.sent, came.begin, came.after)
            offset = came.after
            if back := self._way_back(offset, not came.sent.points, stop):
                return back
        if offset is not None:
            self._drain(offset)
        return None

    def _drain(self, offset: int) -> None:
        """Told to stop: have what was sent answered and marked, so that the next start does nothing again."""
        until = time.monotonic() + DRAIN_S
        while time.monotonic() < until and self._taker.ended is None:
            if self._unmarked and not self._pending and not self._pending.snapshot_asked():
                if self._taker.late:  # it is gone back for after the next start, from the mark before
                    return
                self._ask_snapshot(Mark(offset))
            elif not self._unmarked and not self._pending.snapshot_asked():
                return
            time.sleep(0.02)

    def _ended(self, stop: threading.Event) -> bool:
        """Whether to send no more."""
        return self._taker.ended is not None or stop.is_set()

    def _wants_mark(self) -> bool:
        """Whether it is time for one; not while the job is about to go back to an older one."""
        due = time.monotonic() >= self._mark_due
        return due and not self._pending.snapshot_asked() and not self._taker.late

    def _mark(self, offset: int) -> None:
        """Have the windows kept; where no sample came since the mark before, they are those of then."""
        if self._unmarked or not self._taker.kept:
            self._ask_snapshot(Mark(offset))
        else:
            self._taker.commit(self._ledger.newest()._replace(offset=offset, until=0, floor=0))
        self._mark_due = time.monotonic() + self._mark_every

    def _ask_snapshot(self, mark: Mark) -> None:
        self._pending.add_snapshot(mark)
        self._link.ask_snapshot()
        self._unmarked = 0

    def _send(self, sent: Points, begin: int, after: int) -> None:
        """Send what is between two offsets of the log; a label is answered by nothing."""
        heads, points = sent
        if not points:
            return
        id = logs.batch(self._link.session, self._pending.sent, len(heads))
        self._log.debug("sends", request_id=id, log_from=begin, log_to=after)
        self._in.inc(len(heads))
        self._pending.add(heads, sum(map(len, points)))
        self._link.send_points(points)
        self._unmarked += len(points)

    def _send_again(self, again: Section, stop: threading.Event) -> None:
        """Send a section, with the mark that can be made in its midst."""
        for part, mark in again.parts(self._job.allowed_late):
            for piece in pieces(part, self._settings.block):
                while not (ended := self._ended(stop)) and not self._pending.wait_for_room(WAIT_S):
                    pass
                if ended:
                    return
                self._send(piece, again.begin, again.end)
            if mark and not self._ended(stop):
                self._ask_snapshot(mark)
        self._soon = self._pending.sent + sum(bool(one.head) for one in part)

    def _way_back(self, offset: int, idle: bool, stop: threading.Event) -> Back | None:
        """Where to go back to for what came late; None while there is nothing, or it is too soon, or no way.

        Only once all answers are there: one that came later still may belong before the others.

        Unless none come, as many samples come first as were sent again behind the mark in the midst: so at most two in
        three are sent again, and no section is much longer than what is allowed to be late.
        """
        if not self._taker.late or not (idle or self._pending.sent >= self._soon):
            return None
        while not self._pending.wait_for_all(WAIT_S):
            if self._ended(stop):
                return None
        while self._taker.late:
            mark, why = self._taker.late.mark(), f"more than {self._settings.rewind_most} bytes of log came since"
            try:
                if mark and (again := self._source.section(mark, offset, self._settings.rewind_most)):
                    return Back(mark, again)
            except LogGone as error:
                why = str(error)
            self._taker.late.give_up(mark, why)
        return None
