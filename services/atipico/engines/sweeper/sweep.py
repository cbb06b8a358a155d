"""Sees to it that a job on an InfluxDB has an outcome for every sample, whatever was killed or hung on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import structlog

from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.sweeper.counts import Counting
from atipico.engines.sweeper.loop import keep_on
from atipico.engines.sweeper.losses import Losses
from atipico.engines.sweeper.marks import Marks

_SECOND = 10**9


class State(NamedTuple):
    """since: when samples began to be handed over, ns. dead: why none is any more, "" while they are."""

    since: int
    dead: str = ""


class Stream(Protocol):
    """What hands the samples of a job to the agent as they come."""

    def state(self) -> State | str:
        """How it is; why it is left alone, while nobody wants it to. Raises NotYet, Refused."""

    def unwritten(self) -> int:
        """How many outcomes it was told and did not write yet. Raises NotYet, Refused."""

    def revive(self, stalled: bool) -> None:
        """Have it hand over samples again where it is dead, or nothing came of it for long. Raises NotYet, Refused."""


class Loss(NamedTuple):
    """since: from where on outcomes are to be made anew, ns. stalled: nothing came behind it."""

    since: int
    stalled: bool = False


class Tools(NamedTuple):
    """look: a snapshot of what the agent knows of the job. repair: make outcomes anew; with when the job began, ns.

    It returns the newest sample whose outcome the store will never take, ns.
    """

    counting: Counting
    look: Callable[[], bytes]
    repair: Callable[[Loss, int, threading.Event], int]


class Sweep:
    """Sweeps one job until `stop` is set, whatever it meets."""

    def __init__(self, job: str, settings: KapacitorSettings, stream: Stream, marks: Marks, tools: Tools) -> None:
        self._settings, self._stream, self._marks, self._tools = settings, stream, marks, tools
        self._losses = Losses(tools.counting, settings.sweep_after, settings.sweep_back)
        self._asked_at = float("-inf")
        self._newest = -1  # stretch with an outcome when the agent was asked last
        self._left_alone = ""  # why, when it was looked at last
        self._log = structlog.get_logger("sweeper").bind(job=job)

    def run(self, stop: threading.Event) -> None:
        keep_on(self._sweep, self._settings.sweep_every, stop, self._log)

    def _sweep(self, stop: threading.Event) -> None:
        state = self._stream.state()
        if isinstance(state, str):
            if state != self._left_alone:
                self._log.warning("left alone", why=state)
            self._left_alone = state
            return
        self._left_alone = ""
        loss = Loss(self._marks.lost) if self._marks.lost is not None else self._loss(state)
        if loss:
            refused_until = self._tools.repair(loss, state.since, stop)
            self._losses.forget(refused_until)

    def _loss(self, state: State) -> Loss | None:
        """What is to be made anew, None when nothing is."""
        now = time.time_ns()
        look, lost = self._losses.look(state.since, now)
        if state.dead:
            self._log.warning("nothing is handed over", why=state.dead)
            lost = min([*look.short, now])
        due = time.monotonic() - self._asked_at > self._settings.mark_every and look.newest > self._newest
        if due or state.dead or not self._marks.life:
            forgotten = self._forgotten(state.since, may_mark=lost is None)
            lost = min([one for one in (forgotten, lost) if one is not None], default=None)
            self._asked_at, self._newest = time.monotonic(), look.newest
        if lost is None:
            self._losses.settle(look, now)
            return None
        return Loss(lost, stalled=lost >= look.newest)

    def _forgotten(self, since: int, may_mark: bool) -> int | None:
        """From where on the agent does not know what it did; None when it does, and then a mark is made of it."""
        snapshot = self._tools.look()
        if snapshot and self._marks.is_news(snapshot):
            young = since > time.time_ns() - round(self._settings.sweep_back * _SECOND)
            self._marks.begin(snapshot, since if young else None)
            self._marks.add(snapshot)
        elif snapshot and not self._marks.is_of(snapshot):
            return self._marks.newest.until + 1 if self._marks.newest else since
        if snapshot and may_mark:
            self._marks.add(snapshot)
        return None
