"""The agent: wiring."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from atipico import logs, tls
from atipico.agent.server import Sessions, listen, serve
from atipico.agent.session import Open
from atipico.agent.work import SumWork
from atipico.agent.works import Works
from atipico.config import PACKAGE, Seconds, Settings, load, run_dir, socket_path
from atipico.errors import Refused, nearest
from atipico.heartbeat import say_left, start_beating
from atipico.scorers import SCORERS
from atipico.scorers.http import HttpScorer
from atipico.web import serve_metrics

_DRAIN_S = 3.0  # after SIGTERM, for what came in


class AgentSettings(Settings):
    """Settings of the agent; see config.toml."""

    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_AGENT_",
        toml_file=PACKAGE / "agent" / "config.toml",
        populate_by_name=True,
    )
    socket: str = ""
    classifier_host: str = "127.0.0.1"
    classifier_port: int = Field(
        8080,
        validation_alias=AliasChoices("ATIPICO_AGENT_CLASSIFIER_PORT", "ATIPICO_CLASSIFIER_PORT", "classifier_port"),
    )
    classifier_timeout: Seconds = 5.0
    metrics_port: int = Field(0, ge=0, le=65535)


def run(socket: str | None = None, scorer: str | None = None) -> None:
    """Serve in the foreground until SIGTERM. scorer: one of SCORERS, alone, without jobs and classifier."""
    logs.start("agent")
    settings = load(AgentSettings, socket=socket)
    work = _work(settings, scorer)
    listeners = {path: listen(path) for path in _sockets(settings)}

    def end(number: int, frame: FrameType | None) -> None:
        for path, listener in listeners.items():
            path.unlink(missing_ok=True)
            listener.close()
        stopping.set()

    stopping = threading.Event()
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if scorer is None:
        start_beating("agent")
        serve_metrics("agent", settings.metrics_port)
    sessions = Sessions()
    for listener, of_batches in zip(listeners.values(), (False, True), strict=True):
        threading.Thread(target=serve, args=(listener, work, sessions, of_batches), daemon=True).start()
    while not stopping.wait(1.0):  # a signal that the system gave to another thread does not wake this one
        continue
    unanswered = sessions.drain(_DRAIN_S)
    say_left("agent", **{"points without an answer, which a host that begins again sends again": unanswered})


def _sockets(settings: AgentSettings) -> tuple[Path, Path]:
    """That of stream tasks, and that of batch tasks beside it."""
    if not settings.socket:
        return socket_path("agent"), socket_path("agent-batch")
    path = Path(settings.socket)
    return path, path.with_name(f"{path.stem}-batch{path.suffix}")


def _work(settings: AgentSettings, scorer: str | None) -> Open:
    if scorer is not None:
        if scorer not in SCORERS:
            raise Refused(f"no scorer {scorer!r} that works alone{nearest(scorer, SCORERS)}")
        return lambda options, session: SumWork(SCORERS[scorer]())
    url, timeout_s = (
        f"{tls.scheme()}://{settings.classifier_host}:{settings.classifier_port}",
        settings.classifier_timeout,
    )
    run = run_dir()
    return Works(run / "jobs", run / "agent", lambda job, stop: HttpScorer(url, job.model, timeout_s, stop)).open
