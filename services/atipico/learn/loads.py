"""Series of a machine's load as `sources.machine` gives them, made up: second by second, a machine a seed.

Each machine has its own habits, drawn once: cores, how busy it is, whether disk and swap show at all. Then

    activity    exp of two AR(1) walks, one of 10 minutes and one of 5 seconds, times the machine's mean
    jobs        start at random, last 1..300 s (Pareto, so that a few are long), and take some processor and
                one of memory, disk, network or processes
    fields      follow activity and jobs, each with noise of its own; disk and network are heavy-tailed and
                often zero, memory and swap come in tenths of a percent, processes whole

All figures are our own. A trouble is laid over a usual series by `with_trouble`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

FIELDS = (
    "cpu_percent",
    "load1",
    "memory_percent",
    "swap_percent",
    "processes",
    "disk_read_bytes_per_s",
    "disk_write_bytes_per_s",
    "net_in_bytes_per_s",
    "net_out_bytes_per_s",
    "context_switches_per_s",
)
Series = dict[str, np.ndarray]  # field -> float64 (seconds,)


def usual_load(seed: int, seconds: int) -> Series:
    """The load of machine `seed`, every field of `FIELDS`, one value a second."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 2)))
    cores, mean = int(rng.choice([2, 4, 8, 16])), 10 ** rng.uniform(-2, -0.4)
    shows_disk, shows_swap = rng.random() < 0.8, rng.random() < 0.4
    slow, fast = _walk(rng, seconds, 600, rng.uniform(0.1, 0.6)), _walk(rng, seconds, 5, rng.uniform(0.1, 0.5))
    jobs = _jobs(rng, seconds, 10 ** rng.uniform(-3.5, -2))

    busy = np.clip(mean * np.exp(slow + fast) + jobs["cpu"], 0, 1)
    memory = rng.uniform(15, 75) + 8 * _walk(rng, seconds, 7200, 0.3) + 3 * np.tanh(slow) + 12 * jobs["memory"]
    net = 10 ** rng.uniform(2, 5) * np.exp(_walk(rng, seconds, 60, 0.7))
    pages = _bursts(rng, seconds, rng.uniform(0.02, 0.3), 10 ** rng.uniform(4, 6))
    switches = 10 ** rng.uniform(2.5, 4) * cores * (0.3 + busy / max(mean, 0.02))
    writes = pages + 3e7 * jobs["disk"] * rng.random(seconds)
    reads = _bursts(rng, seconds, rng.uniform(0.002, 0.1), 10 ** rng.uniform(4, 6)) + 4e7 * jobs["disk"] * busy
    return {
        "cpu_percent": np.clip(100 * busy + rng.normal(0, 0.5, seconds), 0, 100),
        "load1": np.round(_smoothed(cores * busy * rng.uniform(0.9, 1.3) + rng.poisson(0.05 * cores, seconds), 60), 2),
        "memory_percent": np.round(np.clip(memory, 1, 99), 1),
        "swap_percent": np.round(np.clip(rng.uniform(0, 20) + _walk(rng, seconds, 7200, 0.5), 0, 100), 1) * shows_swap,
        "processes": np.round(rng.uniform(10, 300) + 4 * _walk(rng, seconds, 900, 0.4) + 10 * jobs["processes"]),
        "disk_read_bytes_per_s": reads * shows_disk,
        "disk_write_bytes_per_s": writes * shows_disk,
        "net_in_bytes_per_s": _quiet(rng, net * (1 + 30 * jobs["net"]) * rng.lognormal(0, 0.8, seconds)),
        "net_out_bytes_per_s": _quiet(rng, net * (1 + 15 * jobs["net"]) * rng.lognormal(-0.5, 0.8, seconds)),
        "context_switches_per_s": switches * rng.lognormal(0, 0.15, seconds),
    }


def _runaway(load: Series, at: slice) -> None:
    """Processes that spin: the processor and its queue go to their limits."""
    n = at.stop - at.start
    load["cpu_percent"][at] = 100.0
    load["load1"][at] += 12 * (1 - np.exp(-np.arange(n) / 60)) + 0.1
    load["context_switches_per_s"][at] *= 3


def _leak(load: Series, at: slice) -> None:
    """Memory taken fast, then swap."""
    n = at.stop - at.start
    load["memory_percent"][at] = np.round(np.minimum(99, load["memory_percent"][at] + np.linspace(1, 45, n)), 1)
    load["swap_percent"][at] = np.round(load["swap_percent"][at] + np.linspace(0, 20, n), 1)


def _flood(load: Series, at: slice) -> None:
    """Far more traffic than ever, and the switches that come with it."""
    load["net_in_bytes_per_s"][at] = 50 * load["net_in_bytes_per_s"][at] + 5e7
    load["net_out_bytes_per_s"][at] = 10 * load["net_out_bytes_per_s"][at] + 5e6
    load["context_switches_per_s"][at] *= 6


def _storm(load: Series, at: slice) -> None:
    """A disk that is read and written without a pause, and processes that wait for it."""
    load["disk_read_bytes_per_s"][at] += 3e8
    load["disk_write_bytes_per_s"][at] += 2e8
    load["load1"][at] += 4


def _swarm(load: Series, at: slice) -> None:
    """Processes that start processes."""
    n = at.stop - at.start
    load["processes"][at] += np.round(np.linspace(50, 800, n))
    load["context_switches_per_s"][at] *= 4
    load["memory_percent"][at] = np.round(np.minimum(99, load["memory_percent"][at] + np.linspace(0, 15, n)), 1)


TROUBLES: Mapping[str, Callable[[Series, slice], None]] = {
    "runaway": _runaway,
    "leak": _leak,
    "flood": _flood,
    "storm": _storm,
    "swarm": _swarm,
}


def with_trouble(load: Series, kind: str, start: int, seconds: int) -> Series:
    """A copy of a load in which a trouble begins at second `start`."""
    copy = {name: values.copy() for name, values in load.items()}
    TROUBLES[kind](copy, slice(start, start + seconds))
    return copy


def _walk(rng: np.random.Generator, n: int, seconds: float, spread: float) -> np.ndarray:
    """AR(1) around 0 that forgets in `seconds` and has the standard deviation `spread`; float64 (n,)."""
    keep = np.exp(-1.0 / seconds)
    steps = rng.normal(0, spread * np.sqrt(1 - keep**2), n)
    steps[0] = rng.normal(0, spread)
    return _filtered(steps, keep)


def _smoothed(values: np.ndarray, seconds: float) -> np.ndarray:
    """The mean of the past with weights that fade in `seconds`, as the kernel's load is made."""
    keep = np.exp(-1.0 / seconds)
    steps = (1 - keep) * values
    steps[0] = values[: int(seconds)].mean()
    return _filtered(steps, keep)


def _filtered(steps: np.ndarray, keep: float) -> np.ndarray:
    """y[t] = keep * y[t - 1] + steps[t]."""
    out, y = np.empty(len(steps)), 0.0
    for at, step in enumerate(steps.tolist()):
        y = keep * y + step
        out[at] = y
    return out


def _jobs(rng: np.random.Generator, n: int, a_second: float) -> Series:
    """What running jobs take, second by second: each some processor, and mainly one resource beside it."""
    taken = {name: np.zeros(n) for name in ("cpu", "memory", "disk", "net", "processes")}
    others = ("memory", "disk", "net", "processes")
    for start in np.flatnonzero(rng.random(n) < a_second).tolist():
        end = start + int(min(300.0, 1 + 4 * rng.pareto(1.2)))
        size = 0.3 * rng.gamma(0.7)
        taken["cpu"][start:end] += size * rng.random()
        taken[str(rng.choice(others))][start:end] += size
    return taken


def _bursts(rng: np.random.Generator, n: int, share: float, size: float) -> np.ndarray:
    """Mostly zero; in a share of the seconds heavy-tailed around `size`."""
    return np.where(rng.random(n) < share, size * rng.lognormal(0, 1.2, n), 0.0)


def _quiet(rng: np.random.Generator, traffic: np.ndarray) -> np.ndarray:
    """Traffic with the silent seconds that a quiet machine has."""
    return np.where(rng.random(len(traffic)) < rng.choice([0.0, 0.3, 0.8]), 0.0, np.round(traffic))
