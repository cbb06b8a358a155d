"""The sweeper: wiring."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from atipico import logs
from atipico.config import load, run_dir, socket_path
from atipico.engines.kapacitor.engine import ENGINE, POLLED, servers
from atipico.engines.kapacitor.influx import Influx
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tick import task_id
from atipico.engines.sweeper.again import Again
from atipico.engines.sweeper.counts import Counting
from atipico.engines.sweeper.feed import Feed
from atipico.engines.sweeper.follow import Follow
from atipico.engines.sweeper.losses import Losses
from atipico.engines.sweeper.marks import Marks
from atipico.engines.sweeper.repair import Repairs
from atipico.engines.sweeper.rows import Rows
from atipico.engines.sweeper.sweep import Sweep, Tools
from atipico.engines.sweeper.task import TaskStream
from atipico.errors import AtipicoError
from atipico.heartbeat import start_beating
from atipico.metrics import REFUSED
from atipico.registry.jobs import Job, load_job
from atipico.web import serve_metrics
from atipico.wire.points import GroupOf, group_of
from atipico.wire.sample import SHARD_TAG

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
    sweeping = dict[Path, tuple[int, threading.Event, threading.Thread | None]]()  # job file -> when it changed last
    while not stop.is_set():
        files = dict(_files())
        for path, (changed, end, thread) in list(sweeping.items()):
            if files.get(path) == changed:
                continue
            end.set()
            if thread is None or not thread.is_alive():  # no two of one job
                del sweeping[path]
        for path in files.keys() - sweeping.keys():
            end = threading.Event()
            sweeping[path] = files[path], end, _begun(path, settings, end)
        stop.wait(_LOOK_S)
    for _, end, _ in sweeping.values():
        end.set()


def _files() -> Iterator[tuple[Path, int]]:
    for path in (run_dir() / "jobs").glob("*.toml"):
        with suppress(FileNotFoundError):  # deleted just now
            yield path, path.stat().st_mtime_ns


def _begun(path: Path, settings: KapacitorSettings, end: threading.Event) -> threading.Thread | None:
    """Sweep or follow the job of a file from now on, if it is for here. One whose file is wrong is said."""
    try:
        job = load_job(path)
        if job.engine not in (ENGINE, POLLED):
            return None
        run = _sweep(job, settings).run if job.engine == ENGINE else _follow(job, settings, path.stat().st_mtime_ns).run
    except (AtipicoError, FileNotFoundError) as error:
        REFUSED.labels("job file").inc()
        log.error("job left out until its file is mended", error=str(error))
        return None
    thread = threading.Thread(target=run, args=(end,), name=f"job {job.name}", daemon=True)
    thread.start()
    return thread


class _Of:
    """What a job is worked on with; each has connections of its own, as each has a thread."""

    def __init__(self, job: Job, settings: KapacitorSettings, influx: Influx, group: GroupOf) -> None:
        self._job, self._settings = job, settings
        self._socket = Path(settings.agent_socket) if settings.agent_socket else socket_path("agent")
        rows = Rows(job, influx, settings.retention_policy, group)
        self.again = Again(job, settings, influx, rows)
        self.counting = Counting(job, influx, settings.retention_policy, rows)
        self.marks = Marks(run_dir() / "sweeper" / f"{job.name}.json")

    def connect(self, again: bool = True) -> Feed:
        return Feed(self._job, self._socket, self._settings.agent_timeout, again)

    def look(self) -> bytes:
        """A snapshot of what the agent knows."""
        feed = self.connect(again=False)
        try:
            return feed.snapshot()
        finally:
            feed.close()


def _sweep(job: Job, settings: KapacitorSettings) -> Sweep:
    influx, tasks = servers(settings)
    of = _Of(job, settings, influx, lambda tags: stream.group(tags))
    stream = TaskStream(tasks, task_id(job.name), of.marks)
    repairs = Repairs(job.name, settings, of.again, of.connect, of.marks, stream)
    return Sweep(job.name, settings, stream, of.marks, Tools(of.counting, of.look, repairs.run))


def _follow(job: Job, settings: KapacitorSettings, since: int) -> Follow:
    influx, _ = servers(settings)
    of = _Of(job, settings, influx, lambda tags: group_of(tags, SHARD_TAG))
    losses = Losses(of.counting, settings.sweep_after, settings.sweep_back)
    return Follow(job.name, settings, of.again, of.connect, of.marks, losses, since)
