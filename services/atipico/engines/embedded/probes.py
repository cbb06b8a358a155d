"""How the supervisor sees that a part is ready. A probe gets the part's pid and never waits long."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from atipico import tls
from atipico.heartbeat import beat_path

Probe = Callable[[int], bool]
_PATIENCE_S = 0.5
FRESH_S = 5.0  # a heartbeat older than this is no sign of life


def answers(port: int, path: str, secure: bool | None = None) -> Probe:
    """GET 127.0.0.1:`port``path` is answered with 2xx; secure: by https, unless told as this run's services are."""

    def probe(pid: int) -> bool:
        answer = fetch(port, path, _PATIENCE_S, secure)
        return answer is not None and 200 <= answer[0] < 300

    return probe


def fetch(port: int, path: str, patience_s: float, secure: bool | None = None) -> tuple[int, bytes] | None:
    """Status and body that 127.0.0.1:`port``path` answers; None when it does not. Never by a proxy."""
    connection = tls.connection("127.0.0.1", port, patience_s, secure)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def listens(path: Path) -> Probe:
    """Something accepts connections on the Unix socket at `path`."""

    def probe(pid: int) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_PATIENCE_S)
            return client.connect_ex(str(path)) == 0

    return probe


def beats(name: str) -> Probe:
    """The part `name` has written a fresh heartbeat, and that very process has."""

    def probe(pid: int) -> bool:
        beat = heartbeat(name)
        return beat.get("pid") == pid and time.time() - beat["time"] < FRESH_S

    return probe


def heartbeat(name: str) -> dict[str, Any]:
    """The last heartbeat of a part: pid, time (s since 1970), values; {} when there is none.

    The time is that of the file where that is newer: on a full disk a part can't tell more than that it lives.
    """
    path = beat_path(name)
    try:
        beat, changed = orjson.loads(path.read_bytes()), path.stat().st_mtime
    except (OSError, orjson.JSONDecodeError):
        return {}
    if not isinstance(beat, dict) or not {"pid", "time", "values"} <= beat.keys():
        return {}
    return {**beat, "time": max(beat["time"], changed)}
