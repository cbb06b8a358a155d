"""The counters that every part keeps under the same names, and the heartbeat that shows them to `atipico status`.

Each part is one process, so the default registry of prometheus-client is the part's own.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import orjson
from prometheus_client import REGISTRY, Counter, Gauge

from atipico.config import run_dir

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
BACKLOG = Gauge("atipico_backlog", "What waits in this part, by kind and unit.", ["what"])

for _reason in ("retention",):
    LOST.labels(_reason)


def beat_path(part: str) -> Path:
    """Where a part's heartbeat lies."""
    return run_dir() / "parts" / f"{part}.json"


def values() -> dict[str, float]:
    """Every atipico_ counter and gauge of this process, labels in braces as Prometheus writes them."""
    found: dict[str, float] = {}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            if sample.name.startswith("atipico_") and not sample.name.endswith("_created"):
                labels = ",".join(f'{k}="{v}"' for k, v in sample.labels.items())
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def start_beating(part: str, every_s: float = 1.0) -> None:
    """Write the heartbeat of this process from a daemon thread, at once and then every `every_s`."""
    path = beat_path(part)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")

    def beat() -> None:
        while True:
            with contextlib.suppress(
                OSError
            ):  # a full disk must not end the part; the beat then grows old, which shows
                draft.write_bytes(orjson.dumps({"pid": os.getpid(), "time": time.time(), "values": values()}))
                draft.replace(path)
            time.sleep(every_s)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()
