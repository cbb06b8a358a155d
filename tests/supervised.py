"""A supervisor over tiny parts, in a run folder of the test's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from atipico.engines.embedded import processes
from atipico.engines.embedded.parts import Part
from atipico.engines.embedded.settings import Hang, Restart, Stop, SupervisorSettings
from atipico.engines.embedded.supervisor import Supervisor
from waiting import until

LIVES = "import time; time.sleep(600)"
# A part that shows signs of life: argv ends with the run folder and the part's name.
BEATS = """
import sys, time
from pathlib import Path
beat = Path(sys.argv[-2]) / "parts" / f"{sys.argv[-1]}.json"
beat.parent.mkdir(exist_ok=True)
while True:
    beat.write_text("{}")
    time.sleep(0.02)
"""
# A supervisor as a process of its own: argv[1] is the run folder, the rest are the names of its parts.
SUPERVISES = f"""
import sys, time
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parents[1] / "services"), str(Path(__file__).parent)]!r}
from atipico.engines.embedded.lock import hold
from supervised import supervisor_of, tiny
run = Path(sys.argv[1])
lock = hold(run / "lock", "a supervisor")
supervisor = supervisor_of(run, *map(tiny, sys.argv[2:]))
supervisor.adopt()
while True:
    supervisor.tick()
    time.sleep(0.05)
"""


def tiny(name: str, script: str = LIVES, **more: Any) -> Part:
    return Part(name, lambda pid: True, command=(sys.executable, "-c", script), **more)


def supervisor_of(run: Path, *parts: Part, restart: Restart | None = None, hang: Hang | None = None) -> Supervisor:
    settings = SupervisorSettings(restart=restart or Restart(first=0.05), stop=Stop(grace=1.0), hang=hang or Hang())
    return Supervisor(run, parts, settings, {})


def pids(run: Path, name: str) -> list[int]:
    return [process.pid for process in processes.running(run).get(name, [])]


def left_by_a_killed_supervisor(run: Path, *names: str) -> dict[str, list[int]]:
    """Start parts by a supervisor that is killed when they run; their pids by name."""
    first = subprocess.Popen([sys.executable, "-c", SUPERVISES, str(run), *names])
    until(lambda: all(pids(run, name) for name in names))
    first.kill()
    first.wait()
    return {name: pids(run, name) for name in names}


@pytest.fixture(name="run")
def run_folder(tmp_path):
    yield tmp_path
    for several in processes.running(tmp_path).values():
        processes.stop(several, 0.2)
