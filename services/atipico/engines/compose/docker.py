"""Docker and Compose by their commands, whichever kind of Compose is here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from atipico.errors import NotYet, Refused

_KINDS = (("docker", "compose"), ("docker-compose",))  # the newer one first
_LABEL = "com.docker.compose"
_SHOWN = 15  # lines of what a command said that an error repeats
_ASKED_S = 60.0


class Container(NamedTuple):
    """state: created, running, restarting, exited, ... health: starting, healthy, unhealthy, "" without a check."""

    service: str
    id: str
    state: str
    health: str
    exit_code: int
    restarts: int

    def well(self) -> bool:
        """Whether it does what it is for: it stays and is healthy, or it has done its work."""
        if self.state == "running":
            return self.health in ("", "healthy")
        return self.state == "exited" and self.exit_code == 0


def memory() -> int:
    """Bytes that containers may take in all. Raises Refused or NotYet with the cure when there is no Docker to ask."""
    try:
        told = json.loads(_said(["docker", "info", "--format", "{{json .}}"]))
    except FileNotFoundError:
        raise Refused(
            "Docker is not here: install it (docs.docker.com/engine/install), or run ./up.sh, which needs none"
        ) from None
    except Refused as error:
        raise NotYet(
            f"Docker does not answer: {_last(str(error))}; start it, or have somebody add you to the group docker"
        ) from None
    if not told.get("ServerVersion"):
        errors = "; ".join(told.get("ServerErrors") or ["no server"])
        raise NotYet(f"Docker does not answer: {errors}; start it, or have somebody add you to the group docker")
    return int(told.get("MemTotal") or 0)


def compose() -> tuple[str, ...]:
    """The command of Compose that is here. Raises Refused with the cure when there is none."""
    for kind in _KINDS:
        try:
            _said([*kind, "version"])
        except (FileNotFoundError, Refused):
            continue
        return kind
    raise Refused("Compose is not here: install docker-compose-plugin (`docker compose`), or docker-compose 1.29")


class Project:
    """What Compose makes of the files in `folder`. values: what they leave open."""

    def __init__(self, folder: Path, values: Mapping[str, str], command: Sequence[str]) -> None:
        self._folder, self._command, self.name = folder, command, values["COMPOSE_PROJECT_NAME"]
        self._values = values

    def do(self, *words: str, within_s: float = _ASKED_S) -> str:
        """What Compose answers. Raises Refused with the end of what it said, NotYet when that takes too long."""
        return _said([*self._command, *words], within_s, self._folder, self._values)

    def services(self) -> dict[str, bool]:
        """Its services -> whether `up` starts them unasked: one with profiles stays out."""
        section = re.search(r"^services:\n(.*?)(?=^\S|\Z)", self.do("config"), re.MULTILINE | re.DOTALL)
        blocks = re.split(r"^  (?=\w)", section[1], flags=re.MULTILINE)[1:] if section else []
        return {block.partition(":")[0]: not re.search(r"^    profiles:", block, re.MULTILINE) for block in blocks}

    def containers(self) -> dict[str, Container]:
        """Its containers by service, also those that ended."""
        ids = _said(["docker", "ps", "-aq", "--filter", f"label={_LABEL}.project={self.name}"]).split()
        told = json.loads(_said(["docker", "inspect", *ids])) if ids else []
        found = [_container(one) for one in told if one["Config"]["Labels"].get(f"{_LABEL}.oneoff") != "True"]
        return {one.service: one for one in found}

    def published(self) -> set[int]:
        """The ports of this machine that its running containers have."""
        said = _said(["docker", "ps", "--filter", f"label={_LABEL}.project={self.name}", "--format", "{{.Ports}}"])
        ends = [one.partition("->")[0].rpartition(":")[2] for one in said.replace(",", " ").split() if "->" in one]
        return {int(end) for end in ends if end.isdecimal()}

    def log(self, service: str) -> str:
        """The end of what a service said."""
        return self.do("logs", "--no-color", "--tail", str(_SHOWN), service)


def _container(told: dict[str, Any]) -> Container:
    state, service = told["State"], told["Config"]["Labels"][f"{_LABEL}.service"]
    health = (state.get("Health") or {}).get("Status", "")
    return Container(service, told["Id"], state["Status"], health, state["ExitCode"], told["RestartCount"])


def _said(
    words: Sequence[str], within_s: float = _ASKED_S, cwd: Path | None = None, values: Mapping[str, str] | None = None
) -> str:
    environment = {**os.environ, **(values or {})}
    environment.pop("PYTHONPATH", None)  # docker-compose 1.29 is a Python program with modules of its own
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=within_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotYet(f"`{' '.join(words)}` has not ended after {within_s:g} s; is Docker busy?") from None
    if done.returncode:
        raise Refused(f"`{' '.join(words)}`: {_last(done.stderr + done.stdout)}")
    return done.stdout


def _last(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_SHOWN:])
