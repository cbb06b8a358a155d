"""The supervisor: starts the parts, starts again what ends, and takes over what its predecessor left running."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import structlog

from atipico.engines.embedded import processes, state, whereabouts
from atipico.engines.embedded.alike import made_of, take_over
from atipico.engines.embedded.logs import keep_small, log_path
from atipico.engines.embedded.parts import Part
from atipico.engines.embedded.settings import SupervisorSettings
from atipico.engines.embedded.silence import Silence
from atipico.heartbeat import beat_path
from atipico.metrics import RESTARTS, UP

NAME = "supervisor"
_TELLS_S = 1.0  # for a part that hangs to say where
_talk = structlog.get_logger(NAME)


@dataclass
class Kept:
    """One part and what became of it. state: starting | up | backoff | stopped; times are time.monotonic()."""

    part: Part
    process: psutil.Process | None = None
    silence: Silence | None = None  # of that process
    state: str = "stopped"
    failures: int = 0  # ends in a row, each before it had been up for long
    restarts: int = 0
    up_since: float = 0.0
    due: float = 0.0
    asked: float = 0.0  # when the process, which hangs, was asked for its stacks; it is killed a little later


class Supervisor:
    """Keeps `parts` running in the run folder `run`. Nothing else may start them there (see lock.py).

    Call `adopt` once, then `tick` about every 0.2 s, then `stop`. One thread: a probe that waits
    holds up the others for as long.
    """

    def __init__(
        self,
        run: Path,
        parts: Sequence[Part],
        settings: SupervisorSettings,
        environment: Mapping[str, str],
        guard: psutil.Process | None = None,
    ) -> None:
        self.run, self.settings, self.environment, self.guard = run, settings, environment, guard
        self.kept = [Kept(part) for part in parts]
        self.restarts = 0
        self._itself = _identity(psutil.Process())
        self._found_at = whereabouts.told(environment)
        self._written: tuple[dict[str, Any], float] = ({}, 0.0)

    def adopt(self) -> None:
        """Take over living parts of a supervisor that was killed: a second store could only fight the first.

        Those that are not what would be started now are ended, see alike.py.
        """
        before = state.read(self.run)
        if before.get("state") == "running":
            self.restarts = before["restarts"] + 1
        parts = [kept.part for kept in self.kept]
        living = take_over(self.run, parts, self.environment, self.settings.stop.grace)
        for kept in self.kept:
            kept.restarts = before.get("parts", {}).get(kept.part.name, {}).get("restarts", 0) if self.restarts else 0
            if process := living.get(kept.part.name):
                kept.process, kept.state = process, "starting"
                kept.silence = self._listen(kept.part)
                _talk.info("took over a running part", name=kept.part.name, pid=process.pid)

    def tick(self) -> None:
        """Look at every part once and do what is due."""
        for kept in self.kept:
            self._look(kept, time.monotonic())
            UP.labels(kept.part.name).set(kept.state == "up")
            keep_small(log_path(self.run, kept.part.name), self.settings.log.most)
        keep_small(log_path(self.run, NAME), self.settings.log.most)
        if self.guard and not processes.alive(self.guard):
            _talk.warning("the guard is gone: nothing starts this supervisor again; down and up brings it back")
            self.guard = None
        self._tell("running")

    def _look(self, kept: Kept, now: float) -> None:
        if kept.process is None:
            if now >= kept.due:
                self._start(kept)
        elif not processes.alive(kept.process):
            self._ended(kept, now)
        elif kept.asked:
            if now - kept.asked > _TELLS_S:
                kept.process.kill()
        elif self._hangs(kept, now):
            kept.process.send_signal(signal.SIGUSR1)  # has it write where its threads are, if it can (at_work.py)
            kept.asked = now
        elif kept.state == "starting" and kept.part.ready(kept.process.pid):
            kept.state, kept.up_since = "up", now
        elif kept.state == "up" and now - kept.up_since > self.settings.restart.forgotten_after:
            kept.failures = 0

    def _listen(self, part: Part) -> Silence:
        return Silence(beat_path(part.name, self.run), time.monotonic())

    def _hangs(self, kept: Kept, now: float) -> bool:
        """Whether a part that lives was silent for too long."""
        if kept.silence is None or kept.process is None:
            return False
        kept.silence.look(now)
        most = self.settings.hang.after if kept.silence.ever else self.settings.hang.start
        if not self.settings.hang.after or kept.silence.seconds <= most:
            return False
        silent_s = round(kept.silence.seconds, 1)
        _talk.error("a part hangs and is killed", name=kept.part.name, pid=kept.process.pid, silent_s=silent_s)
        return True

    def _start(self, kept: Kept) -> None:
        part = kept.part
        argv = processes.marked(part.command, self.run, part.name, made_of(part, self.environment))
        argv += part.words
        try:
            kept.process = processes.start(argv, log_path(self.run, part.name), {**self.environment, **part.env})
        except OSError as error:  # no memory, no disk: later perhaps
            _talk.error("a part can't be started", name=part.name, why=str(error))
            self._ended(kept, time.monotonic())
            return
        kept.state, kept.silence, kept.asked = "starting", self._listen(part), 0.0
        _talk.info("started", name=part.name, pid=kept.process.pid)

    def _ended(self, kept: Kept, now: float) -> None:
        kept.failures += 1
        kept.restarts += 1
        RESTARTS.labels(kept.part.name).inc()
        delay = self.settings.restart.delay(kept.failures)
        _talk.warning("a part ended", name=kept.part.name, code=_code(kept.process), again_in_s=delay)
        kept.process, kept.silence, kept.state, kept.due = None, None, "backoff", now + delay

    def stop(self) -> None:
        """End all parts in reverse order, each with its grace."""
        for kept in reversed(self.kept):
            if kept.process is not None:
                processes.stop([kept.process], self.settings.stop.grace)
            kept.process, kept.state = None, "stopped"
            self._tell("stopping")
        self._tell("stopped")
        _talk.info("all parts stopped")

    def _tell(self, doing: str) -> None:
        """Write the state down when it changed, and once a second as a sign of life."""
        now = time.time()
        known = {
            "state": doing,
            **self._itself,
            "restarts": self.restarts,
            "found_at": self._found_at,
            "guard": _identity(self.guard),
            "parts": {
                kept.part.name: {
                    **_identity(kept.process),
                    "state": kept.state,
                    "restarts": kept.restarts,
                    "url": kept.part.url,
                }
                for kept in self.kept
            },
        }
        before, at = self._written
        if known != before or not 0 <= now - at < 1:
            state.write(self.run, {**known, "time": now})
            self._written = (known, now)


def _identity(process: psutil.Process | None) -> dict[str, Any]:
    """Which process it is: a pid alone may be another's by now."""
    if process is None:
        return {"pid": None, "create_time": None}
    return {"pid": process.pid, "create_time": process.create_time()}


def _code(process: psutil.Process | None) -> int | None:
    """The exit code of a child that ended, minus the signal that ended it; None when it was adopted."""
    return process.returncode if isinstance(process, psutil.Popen) else None
