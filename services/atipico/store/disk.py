"""Files as the log needs them: written whole, and on the disk itself."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


def fsync(file: int) -> None:
    """Put what was written to a file on the disk itself."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(file)


def write_all(file: int, data: bytes) -> None:
    """Write all of it; raises OSError when only a part could be written."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk."""
    with opened(folder) as file:
        os.fsync(file)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file to read from, closed again."""
    file = os.open(path, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)
