"""Folders for targets that need one: in memory where that is possible, gone with the process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # a disk's fsync would be most of what a target does


def scratch() -> Path:
    """A new empty folder."""
    where = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="at-", dir=where))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
