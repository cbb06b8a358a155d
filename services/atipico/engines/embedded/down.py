"""`atipico down`: ask the supervisor to stop its parts; stop by hand what has no supervisor any more."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from atipico.config import load, run_dir, socket_path
from atipico.engines.embedded import processes
from atipico.engines.embedded.guard import GUARD
from atipico.engines.embedded.settings import SupervisorSettings
from atipico.engines.embedded.supervisor import NAME
from atipico.errors import Refused


def down() -> list[str]:
    """Stop everything of this run folder. Returns the names of what ran; [] when nothing did.

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
    return sorted(found)


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
