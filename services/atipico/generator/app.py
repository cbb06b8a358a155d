"""The generator: wiring."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

from atipico import logs, secret
from atipico.config import load, run_dir
from atipico.errors import Refused
from atipico.generator.pace import Pace, Rate, Speed
from atipico.generator.sender import Sender
from atipico.generator.settings import GeneratorSettings, StreamSettings, read_file
from atipico.generator.spool import Spool
from atipico.generator.store import StoreWriter
from atipico.generator.stream import Stream, identity
from atipico.heartbeat import say_left, start_beating
from atipico.sources import make
from atipico.store_access import Login
from atipico.web import serve_metrics

_DRAIN_S = 3.0  # after SIGTERM, for what is in the spools


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
    stop, halt = threading.Event(), threading.Event()
    streams, senders, spools = _work(settings, stop, halt)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # all threads leave them to sigwait
    start_beating("generator")
    serve_metrics("generator", settings.metrics_port)
    into = [_begun(stream) for stream in streams]
    out = [_begun(sender) for sender in senders]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    stop.set()
    deadline = time.monotonic() + _DRAIN_S
    for thread in into:
        thread.join(max(0.0, deadline - time.monotonic()))
    for spool in spools:
        spool.wait_empty(max(0.0, deadline - time.monotonic()))
    halt.set()
    for thread in out:  # a request that hangs is given up: its block is still in the spool
        thread.join(max(0.5, deadline - time.monotonic()))
    say_left("generator", **{"samples in the spool, for the next start": sum(spool.samples for spool in spools)})


def _begun(work: Stream | Sender) -> threading.Thread:
    thread = threading.Thread(target=work.run, name=work.name, daemon=True)
    thread.start()
    return thread


def _work(
    settings: GeneratorSettings, stop: threading.Event, halt: threading.Event
) -> tuple[list[Stream], list[Sender], list[Spool]]:
    """Into each spool until `stop`, out of it until `halt`."""
    store, own = settings.store.access(), Login(token=secret.read_if_there(run_dir() / "token"))
    store = store if any(store.login) else store._replace(login=own)
    streams: list[Stream] = []
    senders: list[Sender] = []
    spools: list[Spool] = []
    taken: dict[tuple[str, str], str] = {}
    for name, stream in settings.streams.items():
        source = make(stream.source, **stream.all_options())
        into = stream.measurement or str(getattr(source, "measurement", stream.source))
        if (other := taken.setdefault((stream.database, into), name)) != name:
            raise Refused(f"streams {other} and {name} both write {into}; a measurement has one writer")
        spool = Spool(run_dir() / "generator" / f"{name}.sqlite", settings.spool)
        writer = StoreWriter(store, stream.database, settings.store.timeout, settings.store.org)
        key = identity(stream.source, stream.all_options(), into)
        spools.append(spool)
        streams.append(Stream(key, into, source, _pace(stream, settings), spool, time.time_ns, stop))
        senders.append(Sender(into, spool, writer.write, halt))
    return streams, senders, spools


def _pace(stream: StreamSettings, settings: GeneratorSettings) -> Pace:
    if stream.speed is not None:
        return Speed(stream.speed, settings.block, settings.catch_up)
    return Rate(stream.rate or 1.0, time.monotonic(), settings.block, settings.catch_up)
