"""The generator: wiring."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

from atipico import logs
from atipico.config import load, run_dir
from atipico.errors import Refused
from atipico.generator.pace import Pace, Rate, Speed
from atipico.generator.sender import Sender
from atipico.generator.settings import GeneratorSettings, StreamSettings, read_file
from atipico.generator.spool import Spool
from atipico.generator.store import StoreWriter
from atipico.generator.stream import Stream, identity
from atipico.metrics import start_beating
from atipico.sources import make
from atipico.web import serve_metrics


def run(
    config: Path | None = None,
    source: str | None = None,
    measurement: str | None = None,
    rate: float | None = None,
    speed: float | None = None,
    file: str | Path | None = None,
) -> None:
    """Stream in the foreground until SIGTERM. source: this one alone, 1/s unless told, instead of those in `config`."""
    logs.start("generator")
    path = config or run_dir() / "generator.toml"
    given: dict[str, Any] = read_file(path) if config or path.is_file() else {}
    if source is not None:
        rate = 1.0 if rate is None and speed is None else rate
        one = {"source": source, "measurement": measurement, "rate": rate, "speed": speed}
        given["streams"] = {measurement or source: one | {"file": str(file) if file else None}}
    settings = load(GeneratorSettings, **given)
    stop = threading.Event()
    work = _work(settings, stop)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # all threads leave them to sigwait
    start_beating("generator")
    serve_metrics("generator", settings.metrics_port)
    threads = [threading.Thread(target=part.run, name=name, daemon=True) for name, part in work]
    for thread in threads:
        thread.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    stop.set()
    deadline = time.monotonic() + 2.0  # a request that hangs is given up: its block is still in the spool
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _work(settings: GeneratorSettings, stop: threading.Event) -> list[tuple[str, Stream | Sender]]:
    token_file = run_dir() / "token"
    token = token_file.read_text().strip() if token_file.is_file() else None
    work: list[tuple[str, Stream | Sender]] = []
    taken: dict[tuple[str, str], str] = {}
    for name, stream in settings.streams.items():
        source = make(stream.source, **stream.all_options())
        into = stream.measurement or str(getattr(source, "measurement", stream.source))
        if (other := taken.setdefault((stream.database, into), name)) != name:
            raise Refused(f"streams {other} and {name} both write {into}; a measurement has one writer")
        spool = Spool(run_dir() / "generator" / f"{name}.sqlite", settings.spool)
        writer = StoreWriter(settings.store.address(), stream.database, token, settings.store.timeout)
        key = identity(stream.source, stream.all_options(), into)
        work += [
            (f"{name} in", Stream(key, into, source, _pace(stream, settings), spool, time.time_ns, stop)),
            (f"{name} out", Sender(into, spool, writer.write, stop)),
        ]
    return work


def _pace(stream: StreamSettings, settings: GeneratorSettings) -> Pace:
    if stream.speed is not None:
        return Speed(stream.speed, settings.block, settings.catch_up)
    return Rate(stream.rate or 1.0, time.monotonic(), settings.block, settings.catch_up)
