"""The machine that this runs on: processor, memory, disk and network, as they are now."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

import psutil

from atipico.ports import Batch, Position


class Machine:
    """One row a read; all fields are floats, the tag `host` is this machine's name unless given.

    cpu_percent, memory_percent, swap_percent: 0..100 of the whole machine. load1: runnable processes, mean of a
    minute. processes: how many there are. The fields with _per_s are means over the time since the
    read before (the first: since this was made) on `clock`, in seconds. The position is {"reads"} and only counts.
    """

    live = True

    def __init__(self, host: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._tags = {"host": host or socket.gethostname()}
        self._clock = clock
        self._then, self._before = clock(), _counters()
        self._rates = dict.fromkeys(self._before, 0.0)

    def read(self, position: Position, most: int) -> Batch:
        self._measure()
        rates = dict(self._rates)
        busy, idle = rates.pop("busy"), rates.pop("idle")
        fields = {
            "cpu_percent": 100 * busy / (busy + idle) if busy + idle > 0 else 0.0,
            "load1": float(os.getloadavg()[0]),
            "memory_percent": float(psutil.virtual_memory().percent),
            "swap_percent": float(psutil.swap_memory().percent),
            "processes": float(len(psutil.pids())),
            **rates,
        }
        return Batch([(self._tags, fields)], [], {"reads": position.get("reads", 0) + 1})

    def _measure(self) -> None:
        now = self._clock()
        if now <= self._then:  # no time has passed: the rates of the read before still hold
            return
        counters = _counters()
        # A counter falls when a disk or a network goes away; that is no negative traffic.
        self._rates = {k: max(0.0, v - self._before[k]) / (now - self._then) for k, v in counters.items()}
        self._then, self._before = now, counters


def _counters() -> dict[str, float]:
    """What only grows since the machine started: seconds of the processors, bytes, context switches."""
    cpu, disk, net = psutil.cpu_times(), psutil.disk_io_counters(), psutil.net_io_counters()
    idle = cpu.idle + getattr(cpu, "iowait", 0.0)
    return {
        "busy": sum(cpu[:8]) - idle,  # the first eight: guest time behind them is counted in them already
        "idle": idle,
        "disk_read_bytes_per_s": float(disk.read_bytes if disk else 0),  # a container may have no disk to show
        "disk_write_bytes_per_s": float(disk.write_bytes if disk else 0),
        "net_in_bytes_per_s": float(net.bytes_recv if net else 0),
        "net_out_bytes_per_s": float(net.bytes_sent if net else 0),
        "context_switches_per_s": float(psutil.cpu_stats().ctx_switches),
    }
