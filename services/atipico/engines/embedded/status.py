"""What every part of a run folder is doing, as rows of plain values."""

from __future__ import annotations

import time
from typing import Any

import psutil

from atipico.config import run_dir
from atipico.engines.embedded import processes, state
from atipico.engines.embedded.parts import embedded
from atipico.engines.embedded.probes import FRESH_S, heartbeat
from atipico.engines.embedded.supervisor import NAME

Row = dict[str, Any]


def rows() -> list[Row]:
    """The supervisor first, then the parts in the order of their start.

    state: starting | up | backoff | stopped, or silent when the process lives and has given no
    sign for 5 s. lag_s, lost, samples_in, samples_out: None before the first heartbeat.
    memory_bytes: the proportional share (PSS) on Linux, elsewhere the resident size.
    """
    run = run_dir()
    told = state.read(run)
    living = {name: several[0] for name, several in processes.running(run).items()}
    supervisor = {**told, "state": "up", "url": ""}
    table = [_row(NAME, living.get(NAME), supervisor, {"time": told.get("time", 0.0), "values": {}})]
    for part in embedded():
        known = {"url": part.url, **told.get("parts", {}).get(part.name, {})}
        table.append(_row(part.name, living.get(part.name), known, heartbeat(part.name)))
    return table


def alerts() -> dict[str, int]:
    """How many alerts last of each job that has some, as the host told last."""
    told = heartbeat("host").get("values", {})
    named = {key: int(value) for key, value in told.items() if key.partition("{")[0] == "atipico_alerts_open" and value}
    return {key.partition('"')[2].rstrip('"}'): count for key, count in named.items()}


def _row(name: str, process: psutil.Process | None, known: Row, beat: Row) -> Row:
    values = beat.get("values", {})
    return {
        "name": name,
        "pid": process.pid if process else None,
        "state": _state(process, known, beat),
        "restarts": known.get("restarts", 0),
        "url": known["url"],
        "lag_s": max(_series(values, "atipico_lag_seconds"), default=None),
        "lost": _sum(values, "atipico_lost_total"),
        "samples_in": _sum(values, "atipico_samples_in_total"),
        "samples_out": _sum(values, "atipico_samples_out_total"),
        "memory_bytes": memory(process) if process else None,
        "up_s": round(time.time() - process.create_time(), 1) if process else None,
    }


def _state(process: psutil.Process | None, known: Row, beat: Row) -> str:
    told = str(known.get("state", "stopped"))
    if process is None:
        return "backoff" if told == "backoff" else "stopped"
    if known.get("pid") != process.pid:  # what was told is about the one before
        return "starting"
    if told == "up" and time.time() - beat.get("time", 0.0) > FRESH_S:
        return "silent"
    return told if told in ("up", "starting") else "starting"


def _series(values: dict[str, float], name: str) -> list[float]:
    """The values of one metric over all its labels."""
    return [value for key, value in values.items() if key.partition("{")[0] == name]


def _sum(values: dict[str, float], name: str) -> int | None:
    found = _series(values, name)
    return int(sum(found)) if values else None


def memory(process: psutil.Process) -> int | None:
    """Bytes of memory, what is shared counted in proportion where the system tells; None when that can't be seen."""
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return None
    return int(getattr(info, "pss", 0) or info.rss)
