"""Granian's threaded server on a Python with a GIL.

Its usual server forks a worker, so that a part would have two pids and the death of one would leave the other
holding the port. The threads share the GIL here, which costs nothing: each part runs one worker. A module of its
own, because loading Granian takes 0.1 s, which parts without a server need not pay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from granian.server.mt import MTServer


class OneProcess(MTServer):  # type: ignore[misc]
    """Serves until SIGTERM or SIGINT; `stopping` is called first then."""

    stopping: Callable[[], object] = staticmethod(lambda: None)

    def _check_gil(self) -> None: ...

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Told to stop: requests that wait for something are told first, because the server waits for them."""
        self.stopping()
        super().signal_handler_interrupt(*args, **kwargs)
