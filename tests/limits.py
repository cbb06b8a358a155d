"""What a process can run out of, for a while."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

_MOST = 256


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process can open none more; those that are open stay."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST, limits[1]))
        with suppress(OSError):
            while True:
                opened.enter_context(open(os.devnull))
        yield
