"""Granian's threaded server on a Python with a GIL.

Its usual server forks a worker, so that a part would have two pids and the death of one would leave the other
holding the port. The threads share the GIL here, which costs nothing: each part runs one worker. A module of its
own, because loading Granian takes 0.1 s, which parts without a server need not pay.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from granian.server.mt import MTServer

_say = structlog.get_logger("web")
_ROUND_S = 1.0


class OneProcess(MTServer):  # type: ignore[misc]
    """Serves until SIGTERM or SIGINT; `stopping` is called first then. Requests have DRAIN_S to end after that."""

    DRAIN_S = 5.0

    stopping: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.main_loop_interrupt = _ComesRound()

    def _check_gil(self) -> None: ...

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Told to stop: requests that wait for something are told first, because the server waits for them."""
        _say.info("stopping")
        self.stopping()
        super().signal_handler_interrupt(*args, **kwargs)

    def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
        """SIGHUP, as when a terminal closes: nothing. Granian would end its threads and what they work on."""

    def _stop_workers(self) -> None:
        """Granian waits for every connection that has begun a request; one that never ends it would hold up the end."""
        deadline = time.monotonic() + self.DRAIN_S
        for worker in self.wrks:
            worker.terminate()
        for worker in self.wrks:
            worker.join(max(0.0, deadline - time.monotonic()))
        if any(worker.inner.is_alive() for worker in self.wrks):
            threading.Thread(target=_leave, name="leave", daemon=True).start()
        atexit.register(_end)
        self.wrks.clear()


class _ComesRound(threading.Event):
    """An event for which a main thread waits and still sees to signals.

    Python's handler runs in the main thread only, which a signal that the system gave to another one does not wake.
    """

    def wait(self, timeout: float | None = None) -> bool:
        while timeout is None:
            if super().wait(_ROUND_S):
                return True
        return super().wait(timeout)


def _end() -> None:
    """End the process before Python takes itself down: a thread of the server that still ran would take it for a fault,
    abort, and the part that ended well would be one that crashed."""
    os._exit(1 if hasattr(sys, "last_type") else 0)


def _leave() -> None:
    """End the process when its main thread has ended, whatever other threads still wait for."""
    threading.main_thread().join()
    os._exit(0)
