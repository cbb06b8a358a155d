"""The ground it all stands on: Python, disk, run folder, clock."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from atipico.config import PACKAGE, load, socket_path
from atipico.engines.doctor.finding import Finding, fault, ok, warning
from atipico.engines.embedded.settings import SupervisorSettings
from atipico.errors import AtipicoError

NEEDED_PYTHON = (3, 11)
_WATCHED_S = 0.2
_STEP_S = 0.05  # a clock that is set while it is watched jumps further than it is slewed


def python() -> Finding:
    told = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < NEEDED_PYTHON:
        cure = f"install Python {'.'.join(map(str, NEEDED_PYTHON))} or newer and run ./up.sh again"
        return fault("Python", told, cure)
    return ok("Python", told)


def disk(run: Path) -> Finding:
    needed, left = load(SupervisorSettings).up.free, shutil.disk_usage(run).free
    told = f"{left / 2**20:.0f} MiB left for {run}"
    if left < needed:
        cure = f"{needed / 2**20:.0f} MiB are needed; make room or set ATIPICO_RUN to a folder on another disk"
        return fault("disk", told, cure)
    return ok("disk", told)


def folder(run: Path) -> Finding:
    """The run folder is ours, closed to others and can be written to."""
    name, status = "run folder", run.stat()
    if status.st_uid != os.geteuid():
        return fault(name, f"{run} belongs to user {status.st_uid}", "set ATIPICO_RUN to a folder of your own")
    if not os.access(run, os.W_OK | os.X_OK):
        return fault(name, f"{run} can't be written to", f"chmod u+rwx {run}")
    token = run / "token"
    if token.exists() and token.stat().st_mode & 0o077:
        return fault(name, f"{token} can be read by others", f"chmod 600 {token}")
    if token.exists() and status.st_mode & 0o022:
        return fault(name, f"{run} can be changed by others", f"chmod go-w {run}")
    return ok(name, str(run))


def socket_room() -> Finding:
    try:
        return ok("socket path", str(socket_path("agent")))
    except AtipicoError as error:
        return fault("socket path", str(error), "set a shorter ATIPICO_RUN")


def clock(wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> Finding:
    """The wall clock goes as fast as the steady one, and is not behind the files of this package."""
    name, before = "clock", (steady(), wall(), steady())
    time.sleep(_WATCHED_S)
    after = (steady(), now := wall(), steady())
    least, most = after[0] - before[2], after[2] - before[0]  # it may have been held up between any two of these
    step = (now - before[1]) - min(max(now - before[1], least), most)
    told = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if abs(step) > _STEP_S:
        cure = "something sets it; let one service (chrony, systemd-timesyncd) slew it"
        return fault(name, f"{told}; it jumped by {step:+.3f} s while it was watched", cure)
    written = max(path.stat().st_mtime for path in PACKAGE.glob("*.py"))
    if now < written - 60:
        cure = "set the clock: samples get their time from it"
        return warning(name, f"{told}, {written - now:.0f} s before the files of this package were written", cure)
    return ok(name, told)
