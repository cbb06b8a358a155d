"""The sweeper: wiring."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import structlog

from atipico import logs
from atipico.config import load, run_dir, socket_path
from atipico.engines.kapacitor.engine import ENGINE, servers
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tick import task_id
from atipico.engines.sweeper.counts import Counting
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.repair import Repairs
from atipico.engines.sweeper.rows import Rows
from atipico.engines.sweeper.sweep import Loss, Sweep, Tools
from atipico.engines.sweeper.task import TaskStream
from atipico.errors import Refused
from atipico.metrics import REFUSED, start_beating
from atipico.registry.jobs import Job, load_job
from atipico.web import serve_metrics

log = structlog.get_logger("sweeper")

_LOOK_S = 2.0  # for jobs that were applied or deleted


def run() -> None:
    """Sweep every job of the run folder that is for the real servers, in the foreground until SIGTERM."""
    logs.start("sweeper")
    settings, stop = load(KapacitorSettings), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    start_beating("sweeper")
    serve_metrics("sweeper", settings.sweeper_metrics_port)
    sweeping = dict[Path, tuple[int, threading.Event]]()  # job file -> when it changed last, and what ends its sweep
    while not stop.is_set():
        files = {path: path.stat().st_mtime_ns for path in (run_dir() / "jobs").glob("*.toml")}
        for path, (changed, end) in list(sweeping.items()):
            if files.get(path) != changed:
                end.set()
                del sweeping[path]
        for path in files.keys() - sweeping.keys():
            sweeping[path] = files[path], (end := threading.Event())
            _begin(path, settings, end)
        stop.wait(_LOOK_S)
    for _, end in sweeping.values():
        end.set()


def _begin(path: Path, settings: KapacitorSettings, end: threading.Event) -> None:
    """Sweep the job of a file from now on, if it is one of this engine. One whose file is wrong is said."""
    try:
        job = load_job(path)
        if job.engine == ENGINE:
            sweep = _sweep(job, settings)
            threading.Thread(target=sweep.run, args=(end,), name=f"job {job.name}", daemon=True).start()
    except Refused as error:
        REFUSED.labels("job file").inc()
        log.error("job left out until its file is mended", error=str(error))


def _sweep(job: Job, settings: KapacitorSettings) -> Sweep:
    influx, tasks = servers(settings)
    socket = Path(settings.agent_socket) if settings.agent_socket else socket_path("agent")
    stream = TaskStream(tasks, task_id(job.name))
    rows = Rows(job, influx, settings.retention_policy, stream.group)
    marks = Marks(run_dir() / "sweeper" / f"{job.name}.json")
    repairs = Repairs(job, settings, socket, influx, rows)

    def look() -> bytes:
        feed = Feed(job, socket, settings.agent_timeout, again=False)
        try:
            return feed.snapshot()
        finally:
            feed.close()

    def repair(loss: Loss, since: int, stop: threading.Event) -> None:
        repairs.run(loss.since, marks, since, lambda: stream.revive(loss.stalled), stop)

    return Sweep(
        job.name, settings, stream, marks, Tools(Counting(job, influx, settings.retention_policy, rows), look, repair)
    )
