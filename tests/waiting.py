"""Waiting for a process: poll with a deadline, never sleep and hope."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(true: Callable[[], T], tick: Callable[[], object] = lambda: None, within_s: float = 60.0) -> T:
    """Poll `true` until it gives something; `tick` runs before each look. Fails after `within_s`."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        tick()
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not so within {within_s:g} s")
