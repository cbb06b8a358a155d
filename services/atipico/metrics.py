"""The counters that every part keeps under the same names, and the heartbeat that shows them.

Each part is one process, so the default registry of prometheus-client is the part's own. The heartbeat is a file for
`atipico status`, and a row of the measurement `parts` for dashboards.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import orjson
import psutil
import structlog
from prometheus_client import REGISTRY, Counter, Gauge, disable_created_metrics
from prometheus_client.metrics_core import SummaryMetricFamily
from prometheus_client.registry import Collector

from atipico import secret, tls
from atipico.at_work import Watch
from atipico.config import run_dir
from atipico.store_access import NOBODY, Login, StoreAccess, store_access

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
SAMPLES_IN = Counter("atipico_samples_in", "Samples that came into this part.", ["stream"])
SAMPLES_OUT = Counter(
    "atipico_samples_out", "Samples, or their outcomes, that left this part acknowledged.", ["stream"]
)
REFUSED = Counter("atipico_refused", "Samples or requests that were refused, with the reason.", ["reason"])
LOST = Counter("atipico_lost", "Samples that were accepted and then lost, with the reason; must stay 0.", ["reason"])
RETRIES = Counter("atipico_retries", "Calls to another part that had to be made again.", ["to"])
LAG = Gauge(
    "atipico_lag_seconds", "Age of the newest sample dealt with when it was dealt with, in seconds.", ["stream"]
)
FORGOTTEN_KEYS = Counter("atipico_forgotten_keys", "Keys whose windows were dropped because there were too many.")
OUT_OF_ORDER = Counter("atipico_out_of_order", "Samples that features met late or again, with the reason.", ["reason"])
GAPS = Counter("atipico_gaps", "Times that samples of a series were due and did not come.", ["stream"])
REWINDS = Counter(
    "atipico_rewinds", "Times a job went back for samples that came late, or whose outcomes were lost.", ["stream"]
)
TOO_LATE = Counter("atipico_too_late", "Samples that came later than their job goes back for.", ["stream"])
KEYS = Gauge("atipico_keys", "Keys whose windows are remembered: awake in memory, asleep on disk.", ["stream", "state"])
ALERTS = Counter("atipico_alerts", "Episodes that began and that were over.", ["stream", "state"])
ALERTS_OPEN = Gauge("atipico_alerts_open", "Episodes that last.", ["stream"])
RESTARTS = Counter("atipico_restarts", "Times the supervisor started a part again.", ["part"])
UP = Gauge("atipico_up", "Whether a part runs and has said that it is ready: 1 or 0; the supervisor's view.", ["part"])
BACKLOG = Gauge("atipico_backlog", "What waits in this part, by kind and unit.", ["what"])

LOST.labels("retention")  # shown as 0 from the start


class Hops(Collector):
    """How long hops take: p50 and p99 of the newest 1024 of each, at most a minute old."""

    QUANTILES = (0.5, 0.99)
    _KEPT, _FOR_S = 1024, 60.0

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, float]]] = {}  # hop -> (when, seconds)
        self._counts: dict[str, int] = {}
        self._sums: dict[str, float] = {}
        self._lock = threading.Lock()

    def took(self, hop: str, *seconds: float) -> None:
        """A hop was made, as often as there are numbers."""
        now = time.monotonic()
        with self._lock:
            self._counts[hop] = self._counts.get(hop, 0) + len(seconds)
            self._sums[hop] = self._sums.get(hop, 0.0) + sum(seconds)
            # Last: what is seen here has the others, also for `collect` in the midst of a first hop.
            self._seen.setdefault(hop, deque(maxlen=self._KEPT)).extend((now, one) for one in seconds)

    def quantiles(self, hop: str) -> dict[float, float]:
        """Quantile -> seconds; {} when nothing was seen for a minute."""
        since = time.monotonic() - self._FOR_S
        with self._lock:
            seen = sorted(seconds for when, seconds in self._seen.get(hop, ()) if when >= since)
        return {q: seen[min(len(seen) - 1, int(q * len(seen)))] for q in self.QUANTILES} if seen else {}

    def names(self) -> list[str]:
        return sorted(self._seen)

    def collect(self) -> Iterable[SummaryMetricFamily]:
        family = SummaryMetricFamily("atipico_hop_seconds", "How long a hop takes, in seconds.", labels=["hop"])
        for hop in self.names():
            family.add_metric([hop], self._counts[hop], self._sums[hop])
            for q, seconds in self.quantiles(hop).items():
                family.add_sample("atipico_hop_seconds", {"hop": hop, "quantile": f"{q:g}"}, seconds)
        yield family


HOPS = Hops()
REGISTRY.register(HOPS)
_OF_A_BLOCK = 8


def dealt_with(stream: str, hop: str, times: Sequence[int]) -> None:
    """Samples of these times, ns, in their order, are dealt with just now.

    The newest tells the lag of their stream; some of them how long the hop took that began at their own time.
    """
    now = time.time_ns()
    LAG.labels(stream).set(max(0.0, (now - times[-1]) / 1e9))
    HOPS.took(hop, *[max(0.0, (now - one) / 1e9) for one in times[:: 1 + len(times) // _OF_A_BLOCK]])


def beat_path(part: str, run: Path | None = None) -> Path:
    """Where a part's heartbeat lies; run: the run folder, this process's own unless told."""
    return (run or run_dir()) / "parts" / f"{part}.json"


def values() -> dict[str, float]:
    """Every atipico_ counter and gauge of this process, labels in braces as Prometheus writes them."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.name.startswith("atipico_") and not sample.name.endswith("_created"):
                labels = ",".join(f'{k}="{v}"' for k, v in sample.labels.items())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


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
