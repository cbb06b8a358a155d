"""`atipico down`: ask the supervisor to stop its parts; stop by hand what has no supervisor any more."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import NamedTuple

import psutil

from atipico.config import load, run_dir, socket_path
from atipico.engines.embedded import processes
from atipico.engines.embedded.guard import GUARD
from atipico.engines.embedded.parts import PARTS
from atipico.engines.embedded.probes import heartbeat
from atipico.engines.embedded.settings import SupervisorSettings
from atipico.engines.embedded.supervisor import NAME
from atipico.errors import Refused


class Ended(NamedTuple):
    """What ran and was ended. left: by part, how much it left undone of each thing; None: it did not come to tell."""

    names: list[str]
    left: dict[str, dict[str, int] | None]


def down() -> Ended:
    """Stop everything of this run folder.

    The guard goes first, or it would start the supervisor again; the supervisor then ends its
    parts in their order; what is left had no supervisor.
    """
    run, grace_s = run_dir(), load(SupervisorSettings).stop.grace
    found = processes.running(run)
    processes.stop(found.get(GUARD, []), grace_s)
    processes.stop(processes.running(run).get(NAME, []), grace_s * len(found))
    for several in processes.running(run).values():
        processes.stop(several, grace_s)
    _remove_socket(socket_path("agent"), run)
    return Ended(sorted(found), {part: _left(part, found[part]) for part in PARTS if part in found})


def _left(part: str, ended: list[psutil.Process]) -> dict[str, int] | None:
    """The last words of a part, if they are of a process that just ended."""
    beat = heartbeat(part)
    return beat.get("left") if beat.get("pid") in {process.pid for process in ended} else None


def _remove_socket(socket: Path, run: Path) -> None:
    with contextlib.suppress(OSError):
        socket.unlink()
    if socket.parent != run:  # the short folder that stands in for a run folder with a long path
        with contextlib.suppress(OSError):
            socket.parent.rmdir()


def purge() -> None:
    """Remove the run folder with all samples, scores and logs in it. Raises Refused when something runs there."""
    run = run_dir()
    refuse_foreign(run)
    if still := processes.running(run):
        raise Refused(f"{run}: {', '.join(sorted(still))} still runs; nothing was removed; try `atipico down` again")
    shutil.rmtree(run)


def refuse_foreign(run: Path) -> None:
    """Raises Refused when the folder has things in it but none of a run folder's."""
    if any(run.iterdir()) and not (run / "token").exists() and not (run / "parts").exists():
        raise Refused(f"{run} holds other things than a run; set ATIPICO_RUN to a new or an empty folder")
