"""The guard: a few lines of shell that start the supervisor again when it was killed.

It is as small as can be, so that it has no reason of its own to end, and does nothing but wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil

from atipico.engines.embedded import processes
from atipico.engines.embedded.logs import log_path
from atipico.engines.embedded.parts import COMMAND
from atipico.engines.embedded.supervisor import NAME

GUARD = "guard"
REFUSED = 78  # EX_CONFIG: starting again will not help

# $1 $2 $3 are the mark and the guard's own name; the rest is the supervisor's command line.
_LOOP = f"""
shift 3
while :; do
    "$@" --guard $$
    code=$?
    case $code in 0|{REFUSED}) exit $code ;; esac
    sleep 1
done
"""


def start_guard(run: Path, command: Sequence[str] = COMMAND) -> psutil.Process:
    """Start the guard, and with it the supervisor of the run folder; both outlive this process."""
    argv = [*processes.marked(["sh", "-c", _LOOP, "atipico"], run, GUARD), *processes.marked(command, run, NAME)]
    return processes.start(argv, log_path(run, NAME))
