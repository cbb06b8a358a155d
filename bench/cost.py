"""What processes cost: CPU seconds and memory, children included."""

from __future__ import annotations

from collections.abc import Mapping

import psutil


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """User and system time of each process and its children so far, in seconds (steps of some 10 ms)."""
    return {part: sum(_own(process) for process in _family(pid)) for part, pid in pids.items()}


def memory_mb(pids: Mapping[str, int]) -> dict[str, float]:
    """Memory of each process and its children, in MB: PSS on Linux (shared pages count once), RSS elsewhere."""
    return {part: sum(_memory(process) for process in _family(pid)) / 2**20 for part, pid in pids.items()}


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _memory(process: psutil.Process) -> int:
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.rss))
