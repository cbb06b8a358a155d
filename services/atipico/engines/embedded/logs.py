"""The parts' logs under run/log: kept small, read back."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from atipico.errors import Refused, nearest

_POLL_S = 0.2


def log_path(run: Path, part: str) -> Path:
    return run / "log" / f"{part}.log"


def keep_small(log: Path, most: int) -> None:
    """Move a log of more than `most` bytes to <log>.1, under the feet of who appends to it.

    What is written in the moment between copying and cutting is gone; logs may lose a line, disks must not fill.
    """
    with contextlib.suppress(OSError):
        if log.stat().st_size > most:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


def tail(log: Path, lines: int) -> list[str]:
    """The last `lines` lines of a log; none when there is no log."""
    try:
        with log.open(errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, lines)]
    except FileNotFoundError:
        return []


def chosen(run: Path, part: str | None) -> list[Path]:
    """The logs of one part or of all. Raises Refused when there is none."""
    there = sorted((run / "log").glob("*.log"))
    found = [log for log in there if part is None or log.stem == part]
    if not found:
        others = nearest(part or "", [log.stem for log in there]) if there else "; `atipico up` starts the parts"
        raise Refused(f"{run / 'log'}: no log{f' of {part!r}' if part else 's'}{others}")
    return found


def follow(logs: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """(part, line) of all that is appended from now on, for ever."""
    at = {log: log.stat().st_size for log in logs}
    while True:
        for log in logs:
            size = log.stat().st_size
            at[log] = min(at[log], size)  # it was cut
            with log.open("rb") as file:
                file.seek(at[log])
                whole, newline, _ = file.read(size - at[log]).rpartition(b"\n")
            at[log] += len(whole) + len(newline)
            for line in whole.splitlines():
                yield log.stem, line.decode(errors="replace")
        time.sleep(_POLL_S)
