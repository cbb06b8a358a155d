"""The sign of life of a part, with its counters: a file for `atipico status`, a row of `parts` for dashboards."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import orjson
import psutil
import structlog

from atipico import secret, tls
from atipico.at_work import Watch
from atipico.config import run_dir
from atipico.metrics import HOPS, values
from atipico.store_access import NOBODY, Login, StoreAccess, store_access


def beat_path(part: str, run: Path | None = None) -> Path:
    """Where a part's heartbeat lies; run: the run folder, this process's own unless told."""
    return (run or run_dir()) / "parts" / f"{part}.json"


def row(part: str, started: int, memory_bytes: int) -> str:
    """This process as a line of the measurement `parts`. started: when it began, ns.

    lag_s: the longest of its streams. <hop>_p50_ms, <hop>_p99_ms: the hops it knows, while they are made.
    """
    by_name: dict[str, list[float]] = {}
    for name, value in values().items():
        by_name.setdefault(name.partition("{")[0], []).append(value)
    fields = {"pid": f"{os.getpid()}i", "started": f"{started}i", "memory_bytes": f"{memory_bytes}i"}
    for field in ("samples_in", "samples_out", "lost", "retries", "refused"):
        fields[field] = f"{int(sum(by_name.get(f'atipico_{field}_total', [])))}i"
    if lags := by_name.get("atipico_lag_seconds"):
        fields["lag_s"] = f"{max(lags):.6f}"
    for hop in HOPS.names():
        fields |= {f"{hop}_p{100 * q:g}_ms": f"{1000 * s:.6f}" for q, s in HOPS.quantiles(hop).items()}
    return f"parts,part={part} " + ",".join(f"{name}={value}" for name, value in fields.items()) + f" {time.time_ns()}"


_beating = threading.Lock()  # a beat that was begun before the last words must not take their place
_left: dict[str, int] | None = None  # once this process was told to stop and has done so


def say_left(part: str, **left: int) -> None:
    """The last words of a part that was told to stop: what it leaves undone, how much of each thing.

    They stand in its log and in its last heartbeat, from which `atipico down` has them.
    """
    global _left
    _left = left
    structlog.get_logger(part).info("stopped", left=left)
    beat(beat_path(part))


def beat(path: Path) -> None:
    """Show that this process lives. On a full disk the older counters get a new time, so that it does not look dead."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with _beating:
        told = {"pid": os.getpid(), "time": time.time(), "values": values()}
        try:
            draft.write_bytes(orjson.dumps(told if _left is None else {**told, "left": _left}))
            draft.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                path.touch()


def start_beating(part: str, store: StoreAccess | None = None, every_s: float = 1.0) -> None:
    """Show from a daemon thread that this process lives: the file `every_s`, the row every other time.

    store: where the row goes; the run's unless told. While nobody takes it there it is left out.

    It ends the process when its work stands still, see at_work.py.
    """
    url, login = store or store_access()
    path, watch = beat_path(part), Watch(time.monotonic())
    path.parent.mkdir(parents=True, exist_ok=True)
    process = psutil.Process()
    started = int(process.create_time() * 1e9)

    def beats() -> None:
        for tells in itertools.cycle((True, False)):
            beat(path)
            if tells:
                with contextlib.suppress(Exception):
                    post(f"{url}/write?db=atipico", row(part, started, process.memory_info().rss), login)
            time.sleep(every_s)
            watch.end_if_still(part, time.monotonic())

    threading.Thread(target=beats, name="heartbeat", daemon=True).start()


def post(url: str, line: str, login: Login = NOBODY) -> None:
    """Write one line, never by a proxy, as the run's token unless told who asks.

    Raises OSError when it is not taken within a second.
    """
    headers = (login if any(login) else Login(token=secret.read_if_there(run_dir() / "token"))).headers()
    handlers = [ProxyHandler({}), *([HTTPSHandler(context=tls.context())] if url.startswith("https:") else [])]
    with build_opener(*handlers).open(Request(url, line.encode(), headers), timeout=1.0):  # noqa: S310
        pass
