"""What the threads of this process are at, so that work that stands still is seen although the process lives.

Whoever has something to do says so with `at_work`, once a block or a request, and with `waiting` where it waits for
somebody else, however long that takes. What has begun, and is neither over nor waiting, must go on: the heartbeat looks
about once a second, and ends the process when something stands still for ATIPICO_STILL (60s; 0s: never). Whoever keeps
the parts running starts it again. What it had taken on lies where that of a killed one does: safe.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import structlog

from atipico.config import nanoseconds

ENDS_WITH = 75  # the exit code; EX_TEMPFAIL
_STDERR = 2  # whatever stands for it in Python
_MOST_STEP_S = 2.0  # between two looks; what is beyond it, this process did not run: a laptop slept
_GOES_ON = 0.02  # of a processor's time; what polls a lock takes less


@dataclass(eq=False, slots=True)
class Round:
    """A piece of work that one thread has begun."""

    what: str
    thread: int


class Still(NamedTuple):
    """What stands still, and for how long."""

    what: str
    seconds: float


@dataclass
class _Seen:
    """What a look knows of a round. used_s: processor time of its thread until then."""

    used_s: float
    still_s: float = 0.0


_rounds: dict[int, Round] = {}  # by thread; each thread changes its own alone


@contextmanager
def at_work(what: str) -> Iterator[None]:
    """This thread works on something, until the block is left."""
    thread = threading.get_native_id()
    around = _rounds.get(thread)
    _rounds[thread] = Round(what, thread)
    try:
        yield
    finally:
        _resume(thread, around)


@contextmanager
def waiting() -> Iterator[None]:
    """This thread waits for another process, for who holds the job just now, or for a time: that may take its time."""
    thread = threading.get_native_id()
    around = _rounds.pop(thread, None)
    try:
        yield
    finally:
        _resume(thread, around)


@contextmanager
def held(lock: threading.Lock | threading.Condition) -> Iterator[None]:
    """A lock whose holder may wait for somebody else, however long: that is no fault of who waits for the lock."""
    if not lock.acquire(blocking=False):
        with waiting():
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _resume(thread: int, around: Round | None) -> None:
    """Go on with what was left for a while: it came round, so it begins anew."""
    if around is None:
        _rounds.pop(thread, None)
    else:
        _rounds[thread] = Round(around.what, thread)


class Watch:
    """Sees what stands still: work that began before the last look, and whose thread used next to no time since.

    While one thread works for long, others may wait for it: none stands still then. Nor does one that waits for a disk,
    or for its turn on a processor.
    """

    def __init__(self, now: float) -> None:
        """now: seconds of a clock that never goes back. From here on SIGUSR1 has the stacks of all threads written."""
        self._looked, self._most_s = now, nanoseconds(os.environ.get("ATIPICO_STILL", "60s")) / 1e9
        self._seen: dict[Round, _Seen] = {}
        faulthandler.register(signal.SIGUSR1, _STDERR)

    def look(self, now: float) -> Still | None:
        """What has stood still for longest; None when all goes on. Call it often."""
        step, self._looked = min(now - self._looked, _MOST_STEP_S), now
        rounds = list(_rounds.values())
        begun = {one: seen for one in rounds if (seen := self._seen.get(one))}
        going_on = {one for one, seen in begun.items() if _goes_on(one, seen, step)}
        for one, seen in begun.items():
            seen.still_s = 0.0 if one in going_on else seen.still_s + (0.0 if going_on else step)
        self._seen = {one: begun.get(one) or _Seen(_used(one.thread)[1]) for one in rounds}
        still = [Still(one.what, seen.still_s) for one, seen in begun.items() if seen.still_s]
        return max(still, key=lambda one: one.seconds, default=None)

    def end_if_still(self, part: str, now: float) -> None:
        """Look; end this process, the stacks of its threads in its log, when something has stood still for too long."""
        if (still := self.look(now)) and 0 < self._most_s < still.seconds:
            told = {"at": still.what[:100], "still_s": round(still.seconds, 1)}
            structlog.get_logger(part).error("work stands still: ends, to be started again", **told)
            faulthandler.dump_traceback(_STDERR)
            os._exit(ENDS_WITH)


def _goes_on(one: Round, seen: _Seen, step: float) -> bool:
    state, used_s = _used(one.thread)
    since, seen.used_s = used_s - seen.used_s, used_s
    return state != "S" or since >= _GOES_ON * step


def _used(thread: int) -> tuple[str, float]:
    """S while the thread sleeps, else what it does, and how much processor time it has used, s.

    Where the system does not tell of a thread, the time is that of the process: what else works hides it then.
    """
    if not sys.platform.startswith("linux"):
        return "S", time.process_time()
    try:
        _, _, told = Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")
    except OSError:  # it has ended
        return "", 0.0
    state, *numbers = told.split()
    return state, (int(numbers[10]) + int(numbers[11])) / os.sysconf("SC_CLK_TCK")
