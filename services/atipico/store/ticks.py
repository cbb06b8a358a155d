"""The clock of lines that come without a time."""

from __future__ import annotations

import threading
import time


class Ticks:
    """A clock that never gives the same ns twice, nor one before what it was told is past."""

    def __init__(self) -> None:
        self._last, self._lock = 0, threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns())
            return self._last

    def not_before(self, past: int) -> None:
        """Give only what is later."""
        with self._lock:
            self._last = max(self._last, past)
