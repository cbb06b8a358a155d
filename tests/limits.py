"""What a process can run out of, for a while."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD = 3  # of the three that every process has open, so that what another thread closes makes no room


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process can open none more; those that are open stay."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_STANDARD, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
