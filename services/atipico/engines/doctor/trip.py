"""One sample of the doctor's own job through the whole chain, with the time of each hop.

It goes into the measurement `doctor`, its outcome into `doctor_scores`: no stream, window or dashboard of anybody
sees it (docs/decisions/0010).
"""

from __future__ import annotations

import http.client
import threading
import time
from typing import NamedTuple
from urllib.parse import quote, urlencode

import orjson

from atipico import tls
from atipico.errors import AtipicoError, NotYet
from atipico.features.plan import Plan
from atipico.registry.jobs import Job
from atipico.wire.lines import write
from atipico.wire.sample import Sample

HOPS = ("accepted", "in the log", "scored", "visible")
_POLL_S = 0.002


class Trip(NamedTuple):
    """ms: hop -> when it was made, ms since the write began; those that were not made are missing. why: or ""."""

    ms: dict[str, float]
    why: str = ""

    @property
    def stuck(self) -> str:
        """The first hop that was not made, "" when all were."""
        return next((hop for hop in HOPS if hop not in self.ms), "")


def round_trip(job: Job, store_port: int, patience_s: float = 10.0) -> Trip:
    """Send a sample and follow it. Raises nothing: what goes wrong on the way is told in the Trip."""
    numbers = Plan(job.features, job.clock, job.labels).numbers
    sample = Sample(job.stream, {}, dict.fromkeys(numbers, 1.0), time.time_ns())
    ms: dict[str, float] = {}
    try:
        end = _log(store_port, job, job.stream, "end", 0.0)[1]
        begun, until = time.monotonic(), time.monotonic() + patience_s

        def made(hop: str) -> None:
            ms[hop] = round(1000 * (time.monotonic() - begun), 2)

        def watch(measurement: str, hop: str) -> None:
            if _comes(store_port, job, measurement, end, sample.time, until):
                made(hop)

        watched = ((job.stream, "in the log"), (job.scores, "scored"))
        watchers = [threading.Thread(target=watch, args=one, daemon=True) for one in watched]
        for watcher in watchers:
            watcher.start()
        _ask(store_port, "POST", f"/write?db={quote(job.database)}", write([sample]))
        made("accepted")
        if _shows(store_port, job, sample.time, until):
            made("visible")
        for watcher in watchers:
            watcher.join(max(0.1, until - time.monotonic()))
    except AtipicoError as error:
        return Trip(dict(ms), str(error))
    return Trip(dict(ms))


def _comes(port: int, job: Job, measurement: str, offset: int, due: int, until: float) -> bool:
    """Whether a line with the time `due` comes into the log behind the offset."""
    ending = str(due).encode()
    while time.monotonic() < until:
        try:
            lines, offset = _log(port, job, measurement, str(offset), max(0.0, min(1.0, until - time.monotonic())))
        except AtipicoError:
            return False
        if any(line.endswith(ending) for line in lines.splitlines()):
            return True
        time.sleep(_POLL_S)
    return False


def _shows(port: int, job: Job, due: int, until: float) -> bool:
    query = f'SELECT "score" FROM "{job.scores}" WHERE time = {due}'  # noqa: S608 - the names are of our own job file
    path = f"/query?{urlencode({'db': job.database, 'q': query})}"
    while time.monotonic() < until:
        if "series" in orjson.loads(_ask(port, "GET", path)[0])["results"][0]:
            return True
        time.sleep(_POLL_S)
    return False


def _log(port: int, job: Job, measurement: str, offset: str, wait_s: float) -> tuple[bytes, int]:
    query = {"db": job.database, "measurement": measurement, "offset": offset, "wait": f"{wait_s:.3f}"}
    body, headers = _ask(port, "GET", f"/log?{urlencode(query)}")
    return body, int(headers["X-Atipico-Next"])


def _ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[bytes, http.client.HTTPMessage]:
    connection = tls.connection("127.0.0.1", port, 10.0)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotYet(f"store at 127.0.0.1:{port}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise NotYet(
            f"store at 127.0.0.1:{port} answered {answer.status}: {data[:200].decode(errors='replace').strip()}"
        )
    return data, answer.headers
