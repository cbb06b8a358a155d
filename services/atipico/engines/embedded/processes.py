"""The processes of a run folder: started with a mark on their command line, and found again by it.

What runs is read off the process table and never from a file: a file can be stale, can miss a
process that was started just before the supervisor died, or can name a pid that is now another's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "--part-of"
MADE_OF = "--made-of"  # before the mark: what shapes the process, see alike.py
_POLL_S = 0.05


def marked(command: Sequence[str], run: Path, name: str, made_of: str = "") -> list[str]:
    """The command line of the process `name` of the run folder `run`."""
    return [*command, *([MADE_OF, made_of] if made_of else []), MARK, str(run), name]


def start(argv: Sequence[str], log: Path, extra: Mapping[str, str] | None = None) -> psutil.Process:
    """Start a process in a session of its own, its output appended to `log`; it outlives this one."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return psutil.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(extra or {})},
            start_new_session=True,
        )


def running(run: Path) -> dict[str, list[psutil.Process]]:
    """The living processes of a run folder by name, the oldest of a name first."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            name = _name(process.cmdline(), str(run))
            if name and process.uids().effective == os.geteuid() and alive(process):
                found.setdefault(name, []).append(process)
    for several in found.values():
        several.sort(key=lambda process: process.create_time())
    return found


def _name(argv: list[str], run: str) -> str | None:
    """The word behind the first mark, when that mark is of this run folder."""
    if MARK not in argv:
        return None
    folder, name = (*argv[argv.index(MARK) + 1 :], "", "")[:2]
    return name if folder == run else None


def made_of(process: psutil.Process) -> str:
    """What its command line says that it is made of; "" when that can't be seen."""
    try:
        argv = process.cmdline()
    except psutil.Error:
        return ""
    return (*argv[argv.index(MADE_OF) + 1 :], "")[0] if MADE_OF in argv else ""


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; one of our children that ended is reaped by the way."""
    try:
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(0)
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop(processes: Iterable[psutil.Process], grace_s: float) -> None:
    """End processes: SIGTERM, then SIGKILL for what is still there after `grace_s` seconds. A stopped one may go on."""
    left = [process for process in processes if alive(process)]
    for what, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(what)
                process.send_signal(signal.SIGCONT)
        deadline = time.monotonic() + patience_s
        while (left := [process for process in left if alive(process)]) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
