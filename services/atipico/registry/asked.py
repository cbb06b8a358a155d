"""That somebody asked for the models to be read again: a number in the run folder, which only grows.

Whoever serves models compares it with the number that it has dealt with. So none is missed, whether the one who is
asked is busy, starting or not there just then; a signal would be.
"""

from __future__ import annotations

import os
import time
from pathlib import Path


def ask(run: Path) -> int:
    """Ask for the models to be read once more, from now on. Returns the number to wait for, or a higher one."""
    number = max(time.time_ns(), asked(run) + 1)
    draft = _path(run).with_suffix(f".{os.getpid()}.tmp")
    draft.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(f"{number}\n")
    draft.replace(_path(run))
    return number


def asked(run: Path) -> int:
    """The number of the newest request; 0 when there was none."""
    try:
        return int(_path(run).read_text())
    except (OSError, ValueError):
        return 0


def _path(run: Path) -> Path:
    return run / "models.asked"
