"""The stack of this run folder: its parts, ports and socket, and whether its samples are of now."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from atipico.config import load, socket_path
from atipico.engines.doctor.finding import Finding, fault, ok, warning
from atipico.engines.embedded.parts import METRICS_PORTS, embedded, port
from atipico.engines.embedded.probes import fetch, listens
from atipico.engines.embedded.settings import SupervisorSettings

_LATE_S = 10.0  # of outcomes behind their samples
_AHEAD_S, _OLD_S = 5.0, 60.0
Row = dict[str, Any]


def parts(rows: list[Row]) -> Iterator[Finding]:
    """Each part as `atipico status` sees it; nothing when none runs."""
    for row in rows:
        part, name = row["name"], f"part {row['name']}"
        if row["state"] != "up":
            yield fault(name, f"is {row['state']}, started again {row['restarts']} times", f"atipico logs {part}")
        elif row["lost"]:
            yield fault(name, f"has lost {row['lost']} samples", f"atipico logs {part} says why")
        elif (row["lag_s"] or 0.0) > _LATE_S:
            cure = "it catches up when it is faster than what comes in; else send fewer samples"
            yield warning(name, f"is up, {row['lag_s']:.0f} s behind", cure)
        else:
            yield ok(name, f"is up, process {row['pid']}")


def ports(running: set[str]) -> Iterator[Finding]:
    """Those of parts that run answer; the others are free."""
    for part in embedded():
        at = urlsplit(part.url).port if part.url.startswith("http") else None
        if at is None:
            continue
        name = f"port {at}"
        if part.name in running and not part.ready(0):
            yield fault(name, f"the {part.name} is not ready there", f"atipico logs {part.name}")
        elif part.name not in running and not _free(at):
            cure = f"stop what listens there or set ATIPICO_{part.name.upper()}_PORT to a free port"
            yield fault(name, f"is wanted by the {part.name} and taken by another program", cure)
        else:
            yield ok(name, f"the {part.name} answers" if part.name in running else f"free for the {part.name}")
    yield from _metrics_ports(running)


def _metrics_ports(running: set[str]) -> Iterator[Finding]:
    wanted = {**METRICS_PORTS, "supervisor": load(SupervisorSettings).metrics_port}
    for part, default in wanted.items():
        text = os.environ.get(f"ATIPICO_{part.upper()}_METRICS_PORT") or str(default)
        if not text.isdecimal() or not int(text):
            continue
        name, cure = f"port {text}", f"set ATIPICO_{part.upper()}_METRICS_PORT to a free port, or to 0 for none"
        if part in running and fetch(int(text), "/metrics", 2.0) is None:
            yield warning(name, f"the {part} has no /metrics there", f"{cure}; then down and up")
        elif part not in running and not _free(int(text)):
            yield warning(name, f"is wanted for the {part}'s /metrics and taken by another program", cure)
        else:
            yield ok(name, f"/metrics of the {part}" if part in running else f"free for the {part}'s /metrics")


def agent_socket(running: bool) -> Finding:
    """While the agent runs it answers on its socket, which is this user's alone."""
    path, name = socket_path("agent"), "socket"
    if not running:
        return ok(name, f"nobody needs {path} now")
    if not path.exists() or not listens(path)(0):
        return fault(name, f"nobody answers on {path}", "atipico logs agent; then ./down.sh and ./up.sh")
    if path.stat().st_mode & 0o077:
        return fault(name, f"{path} is open to others", f"chmod 600 {path}")
    return ok(name, str(path))


def newest(now_s: float | None = None) -> Finding:
    """The newest row that any part wrote of itself is of about now: store and writer agree on the time."""
    name, now = "time of samples", time.time() if now_s is None else now_s
    query = urlencode({"db": "atipico", "epoch": "ns", "q": 'SELECT last("pid") FROM "parts" WHERE time > 0'})
    answer = fetch(port("store"), f"/query?{query}", 5.0)
    series = orjson.loads(answer[1])["results"][0].get("series", []) if answer and answer[0] == 200 else []
    if not series:
        return warning(name, "no part has written of itself yet", "wait some seconds; else atipico logs store")
    age = now - series[0]["values"][0][0] / 1e9
    if age < -_AHEAD_S:
        cure = "the clock was set back: let it be right again, or what comes sorts before what is there"
        return fault(name, f"the newest is {-age:.0f} s in the future", cure)
    if age > _OLD_S:
        cure = "atipico status: are the parts up? was the clock set forward?"
        return fault(name, f"the newest is {age:.0f} s old", cure)
    return ok(name, f"the newest is {max(age, 0.0):.1f} s old")


def _free(at: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", at))
        except OSError:
            return False
    return True
