"""The parts of the stack: what starts each one, and how it shows that it is ready."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from atipico import tls
from atipico.config import PACKAGE, home, run_dir, socket_path
from atipico.engines.embedded.probes import Probe, answers, beats, listens
from atipico.errors import Refused

METRICS_PORTS = {"agent": 8087, "host": 8088, "generator": 8089}  # of parts without a server of their own
PARTS = ("store", "classifier", "agent", "host", "generator", "page")  # those that every run has
Served = Literal["store", "classifier", "page", "lab"]
COMMAND = (sys.executable, "-P", "-m", "atipico.cli")


@dataclass(frozen=True)
class Part:
    """One process of the stack. `command` is what stands before the mark and the part's name."""

    name: str
    ready: Probe
    url: str = ""
    words: Sequence[str] = ()
    command: Sequence[str] = COMMAND
    env: Mapping[str, str] = field(default_factory=dict)
    reads: Sequence[Path] = ()  # files and folders that it reads when it starts


def port(part: Served) -> int:
    """The port that a part listens on: ATIPICO_<PART>_PORT, else its config.toml's."""
    variable = f"ATIPICO_{part.upper()}_PORT"
    given = os.environ.get(variable) or tomllib.loads((PACKAGE / part / "config.toml").read_text())["port"]
    if not str(given).isdecimal() or not 0 < int(given) < 65536:
        raise Refused(f"{variable}={given} is no port; set it to a number from 1 to 65535")
    return int(given)


def url(part: Served) -> str:
    """Where a part answers on this machine."""
    return f"{'http' if part == 'lab' else tls.scheme()}://127.0.0.1:{port(part)}"


def embedded() -> list[Part]:
    """All parts, in the order in which they start; they stop in the reverse one. The lab where its folder was made."""
    agent, jobs, streams = socket_path("agent"), run_dir() / "jobs", run_dir() / "generator.toml"
    models = Path(os.environ.get("ATIPICO_CLASSIFIER_MODELS") or home() / "models")
    lab = [Part("lab", answers(port("lab"), "/api", secure=False), url("lab"))] if "lab" in served() else []
    return [
        Part("store", answers(port("store"), "/ping"), url("store")),
        Part("classifier", answers(port("classifier"), "/-/ready"), url("classifier"), reads=(models,)),
        Part("agent", listens(agent), f"unix:{agent}", reads=(jobs,)),
        Part("host", beats("host"), reads=(jobs,)),
        Part("generator", beats("generator"), words=("--config", str(streams)), reads=(streams,)),
        Part("page", answers(port("page"), "/ping"), url("page")),
        *lab,
    ]


def served() -> list[Served]:
    """The parts of this run that listen on a port."""
    lab: list[Served] = ["lab"] if (run_dir() / "lab").is_dir() else []
    return ["store", "classifier", "page", *lab]


def environment() -> dict[str, str]:
    """What every process of the stack gets on top of the environment it was started in."""
    metrics = {f"ATIPICO_{part.upper()}_METRICS_PORT": str(at) for part, at in METRICS_PORTS.items()}
    return {
        **{name: os.environ.get(name) or at for name, at in metrics.items()},
        "ATIPICO_HOME": str(home()),
        "ATIPICO_RUN": str(run_dir()),
        "ATIPICO_STORE_PORT": str(port("store")),
        "ATIPICO_CLASSIFIER_PORT": str(port("classifier")),
        "ATIPICO_PAGE_PORT": str(port("page")),
        "OMP_NUM_THREADS": "1",  # numeric libraries start a thread a core otherwise, in each part
        "PYTHONUNBUFFERED": "1",
    }
