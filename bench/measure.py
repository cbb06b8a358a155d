"""What is measured of a chain: speed and cost of a heap of samples, and how soon one of a stream is visible."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np
from cost import cpu_seconds, memory_mb
from load import Payments, Store, wait_visible
from running import Chain

from atipico.errors import Refused
from atipico.wire.lines import write

REQUEST = 5000  # samples in one
_WITHIN_S = 300.0
_WRITE_EVERY_S, _LOOK_EVERY_S, _LAST_S = 0.005, 0.005, 30.0


@dataclass(frozen=True)
class Heap:
    """samples_per_s: from the first write to the last visible outcome. By part: cpu_us (µs a sample), memory_mb."""

    samples: int
    samples_per_s: float
    cpu_us: dict[str, float]
    memory_mb: dict[str, float]


@dataclass(frozen=True)
class Latency:
    """From just before the write of a sample to a query that shows its outcome, ms. cores: CPU by part meanwhile."""

    rate: float
    samples: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    cores: dict[str, float]


@dataclass
class _Sent:
    """What the writer has written so far, oldest first."""

    times: list[int] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)


def heap(chain: Chain, payments: Payments, warm: int, count: int) -> Heap:
    """Post `count` samples as fast as they are taken, and wait for all outcomes; `warm` go before, uncounted."""
    store = Store(chain.store_port)
    store.create()
    first = payments.next(warm, time.time_ns())
    store.post(write(first))
    wait_visible(store, first, _WITHIN_S)

    samples = payments.next(count, time.time_ns())
    bodies = [write(samples[at : at + REQUEST]) for at in range(0, count, REQUEST)]
    pids = chain.pids
    cpu, began = cpu_seconds(pids), time.perf_counter()
    for body in bodies:
        store.post(body)
    took = wait_visible(store, samples, _WITHIN_S) - began
    spent = {part: (after - cpu[part]) / count * 1e6 for part, after in cpu_seconds(pids).items()}
    if unscored := store.unscored():
        raise Refused(f"{unscored} of {warm + count} outcomes say that their sample was not scored")
    chain.check()
    return Heap(count, count / took, spent, memory_mb(pids))


def cores(chain: Chain, seconds: float) -> dict[str, float]:
    """How much of a core each part takes, over some seconds."""
    cpu, began = cpu_seconds(chain.pids), time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    return {part: (after - cpu[part]) / took for part, after in cpu_seconds(chain.pids).items()}


def latency(chain: Chain, payments: Payments, rate: float, seconds: float) -> Latency:
    """Write `rate` samples a second, a few at a time, while another connection looks for their outcomes."""
    count = int(rate * seconds)
    store, sent, waits = Store(chain.store_port), _Sent(), np.empty(count)
    cpu, began = cpu_seconds(chain.pids), time.perf_counter()
    writer = threading.Thread(target=_write, args=(chain.store_port, payments, rate, count, sent), daemon=True)
    writer.start()
    seen: set[int] = set()
    oldest = 0  # the first of sent.times that is not seen
    while len(seen) < count:
        if sent.failed:
            raise sent.failed[0]
        if time.perf_counter() - began > seconds + _LAST_S:
            raise Refused(f"latency: {len(seen)} of {count} samples have an outcome after {seconds + _LAST_S:g} s")
        time.sleep(_LOOK_EVERY_S)
        if oldest == len(sent.times):
            continue
        new = [at for at in store.times(sent.times[oldest]) if at not in seen]
        now = time.time_ns()
        waits[len(seen) : len(seen) + len(new)] = [(now - at) / 1e6 for at in new]
        seen.update(new)
        while oldest < len(sent.times) and sent.times[oldest] in seen:
            oldest += 1
    took = time.perf_counter() - began
    cores = {part: (after - cpu[part]) / took for part, after in cpu_seconds(chain.pids).items()}
    p50, p90, p99 = np.percentile(waits, (50, 90, 99)).tolist()
    return Latency(rate, count, p50, p90, p99, float(waits.max()), cores)


def _write(port: int, payments: Payments, rate: float, count: int, sent: _Sent) -> None:
    try:
        store, samples = Store(port), payments.next(count, 0)
        began, done = time.perf_counter(), 0
        while done < count:
            due = min(count, int((time.perf_counter() - began) * rate))
            if due > done:
                now = time.time_ns()
                block = [sample._replace(time=now + at) for at, sample in enumerate(samples[done:due])]
                sent.times.extend(sample.time for sample in block)
                store.write(block)
                done = due
            time.sleep(_WRITE_EVERY_S)
    except Exception as error:
        sent.failed.append(error)
