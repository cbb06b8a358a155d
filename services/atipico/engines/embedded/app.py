"""The supervisor's process: one a run folder, kept alive by its guard, until SIGTERM."""

from __future__ import annotations

import signal
import time

import psutil

from atipico import logs
from atipico.config import load, run_dir
from atipico.engines.embedded.lock import hold
from atipico.engines.embedded.parts import embedded, environment
from atipico.engines.embedded.settings import SupervisorSettings
from atipico.engines.embedded.supervisor import NAME, Supervisor
from atipico.web import serve_metrics

TICK_S = 0.2


def run(guard: int | None = None) -> None:
    """Keep the parts running. guard: the pid of the process that starts this one again.

    Raises Refused when a supervisor is at work in this run folder.
    """
    logs.start(NAME)
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with hold(run_dir() / "lock", f"a {NAME}"):
        settings = load(SupervisorSettings)
        serve_metrics(NAME, settings.metrics_port)
        supervisor = Supervisor(
            run_dir(),
            embedded(),
            settings,
            environment(),
            psutil.Process(guard) if guard else None,
        )
        supervisor.adopt()
        while not stopping:
            supervisor.tick()
            time.sleep(TICK_S)
        supervisor.stop()
