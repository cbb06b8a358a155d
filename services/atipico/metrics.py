"""The counters that every part keeps under the same names, and how long its hops take.

Each part is one process, so the default registry of prometheus-client is the part's own. heartbeat.py shows them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from prometheus_client import REGISTRY, Counter, Gauge, disable_created_metrics
from prometheus_client.metrics_core import SummaryMetricFamily
from prometheus_client.registry import Collector

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
    """Samples of these times, ns, are dealt with just now.

    The newest tells the lag of their stream; some of them how long the hop took that began at their own time.
    """
    now = time.time_ns()
    LAG.labels(stream).set(max(0.0, (now - max(times)) / 1e9))
    HOPS.took(hop, *[max(0.0, (now - one) / 1e9) for one in times[:: 1 + len(times) // _OF_A_BLOCK]])


def values() -> dict[str, float]:
    """Every atipico_ counter and gauge of this process, labels in braces as Prometheus writes them."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.name.startswith("atipico_") and not sample.name.endswith("_created"):
                labels = ",".join(f'{k}="{v}"' for k, v in sample.labels.items())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found
