"""`atipico up docker`: images, containers, and the first score on a panel of Grafana."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from atipico.config import home
from atipico.engines.compose import docker, dotenv
from atipico.engines.compose.docker import Project
from atipico.engines.grafana.ask import shows_a_score
from atipico.engines.server import Server
from atipico.errors import NotYet, Refused, nearest
from atipico.web import refuse_busy_port

Say = Callable[[str], None]
PORTS = {
    "influxdb": "INFLUXDB_PORT",
    "kapacitor": "KAPACITOR_PORT",
    "chronograf": "CHRONOGRAF_PORT",
    "grafana": "GRAFANA_PORT",
    "jupyterlab": "JUPYTERLAB_PORT",
    "classifier": "CLASSIFIER_PORT",
    "page": "PAGE_PORT",
    "nginx": "NGINX_PORT",
}
WHO = {  # who gets in where somebody is asked, as which variable of .env
    "influxdb": "admin, INFLUXDB_ADMIN_PASSWORD",
    "grafana": "admin, GRAFANA_PASSWORD",
    "jupyterlab": "token JUPYTERLAB_TOKEN",
}
CHAIN = {"influxdb", "kapacitor", "grafana", "classifier", "agent", "jobs", "generator"}  # what a score takes
_NEEDED = 2**30  # bytes of memory
_BUILD_S, _PULL_S, _UP_S = 1800.0, 1800.0, 180.0
_HOPELESS = 5  # restarts
_POLL_S = 0.5


class Address(NamedTuple):
    """who: who gets in, "" where nobody is asked."""

    service: str
    url: str
    who: str


def folder() -> Path:
    """Where the files of Compose are. Raises Refused where this is no checkout."""
    found = home() / "compose"
    if not (found / "compose.yaml").is_file():
        raise Refused(f"{found} has no compose.yaml; run ./up.sh docker in a checkout of Atipico")
    return found


def up(only: Sequence[str], say: Say) -> list[Address]:
    """Build, start, wait until all is well and, where all of a chain was started, for its first score in Grafana.

    only: these services and no other; all unless told. What runs as it should is left alone. Raises Refused or NotYet
    with the cure; what was started goes on then, so that it can be looked at.
    """
    say("looking for Docker")
    free, command = docker.memory(), docker.compose()
    if free < _NEEDED:
        raise Refused(
            f"Docker has {free / 2**20:.0f} MiB of memory, {_NEEDED / 2**20:.0f} MiB are needed; give it more"
        )
    say("looking at the ports and the secrets")
    values = dotenv.read(dotenv.make(folder()))
    project = Project(folder(), values, command)
    wanted = _wanted(project.services(), only)
    _refuse_busy(project, wanted, values)
    say("building and fetching images, which takes minutes at the first time")
    project.do("build", *wanted, within_s=_BUILD_S)
    say("starting containers")
    began = time.time_ns()
    alone = ["--no-deps"] if only else ["--remove-orphans"]
    project.do("up", "-d", *alone, *wanted, within_s=_PULL_S)
    _wait(project, wanted, say)
    if set(wanted) >= CHAIN:
        say("waiting for the first score in Grafana")
        _await_score(values, began)
    return addresses(values, wanted)


def addresses(values: dict[str, str], services: Sequence[str]) -> list[Address]:
    """Where services answer that have a port of this machine."""
    scheme = {"nginx": "https"}
    return [
        Address(name, f"{scheme.get(name, 'http')}://{_host(values, name)}:{values[PORTS[name]]}", WHO.get(name, ""))
        for name in services
        if name in PORTS
    ]


def _bound(values: dict[str, str], service: str) -> str:
    return values["NGINX_BIND" if service == "nginx" else "ATIPICO_BIND"]


def _host(values: dict[str, str], service: str) -> str:
    bound = _bound(values, service)
    return "127.0.0.1" if bound in ("", "0.0.0.0") else bound  # noqa: S104 - what was chosen is looked at, not bound


def _wanted(there: Mapping[str, bool], only: Sequence[str]) -> list[str]:
    for name in only:
        if name not in there:
            raise Refused(f"no service {name!r}{nearest(name, there)}; there are {', '.join(sorted(there))}")
    return [name for name, unasked in there.items() if (name in only if only else unasked)]


def _refuse_busy(project: Project, wanted: Sequence[str], values: dict[str, str]) -> None:
    ours = project.published()
    for name in wanted:
        if name not in PORTS or int(port := values[PORTS[name]]) in ours:
            continue
        try:
            refuse_busy_port(name, _bound(values, name), int(port))
        except Refused as error:
            told = str(error).partition("; ")[0]
            raise Refused(
                f"{told}; stop what listens there (./down.sh?) or change {PORTS[name]} in compose/.env"
            ) from None


def _wait(project: Project, wanted: Sequence[str], say: Say) -> None:
    deadline = time.monotonic() + _UP_S
    for name in wanted:
        say(f"waiting for {name}")
        while True:
            found = project.containers().get(name)
            if found and found.well():
                break
            if found and found.restarts >= _HOPELESS:
                raise Refused(f"{name} ended {found.restarts} times:\n{project.log(name)}")
            if time.monotonic() > deadline:
                state = f"{found.state} {found.health}".strip() if found else "not there"
                raise NotYet(f"{name} is not well after {_UP_S:g} s ({state}):\n{project.log(name)}")
            time.sleep(_POLL_S)


def _await_score(values: dict[str, str], began_ns: int) -> None:
    deadline = time.monotonic() + _UP_S
    login = ("admin", values["GRAFANA_PASSWORD"])
    cure = "is GRAFANA_PASSWORD in compose/.env that of its first start? (docs/real-stack.md)"
    grafana = Server("Grafana", f"http://{_host(values, 'grafana')}:{values['GRAFANA_PORT']}", login, 10.0, cure)
    while True:
        try:
            if shows_a_score(grafana, began_ns, time.time_ns()):
                return
            why = "no score yet"
        except NotYet as error:
            why = str(error)
        if time.monotonic() > deadline:
            raise NotYet(
                f"no score in Grafana after {_UP_S:g} s: {why}; see `docker-compose logs agent kapacitor` in compose/"
            )
        time.sleep(_POLL_S)
