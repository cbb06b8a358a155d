"""The stack in containers, from a copy of this checkout, as a project with names and ports of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import nbformat
import requests
from docker.models.containers import Container

from atipico.engines.compose import dotenv
from atipico.engines.compose.up import PORTS
from atipico.engines.grafana.push import NAME
from compose.files import HOUSE
from running_store import free_port
from waiting import until

COPIED = ("compose", "services", "jobs", "models", "notebooks", "data")
FILES = ("requirements.txt", "requirements-lab.txt", ".dockerignore")
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".env", "*.parquet", "*.ipynb", ".ipynb_checkpoints")
EXECUTE = """
import pathlib, sys, nbformat
from atipico.lab.export import execute
print(nbformat.writes(execute(pathlib.Path(sys.argv[1]))))
"""
# Chronograf's image can't be made where no image registry is reached: as a user would, left out by own.yaml.
OWN = 'version: "2.4"\nservices:\n  chronograf:\n    profiles: [pages]\n'


class Composed:
    """`up` and `down` by the command; the containers by Docker's API; samples and scores by InfluxDB's port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, f"atipico-{folder.name.replace('_', '-')}-{os.getpid()}"
        for name in COPIED:
            shutil.copytree(HOUSE / name, folder / name, ignore=NOT_COPIED)
        for name in FILES:
            shutil.copy(HOUSE / name, folder)
        (folder / "compose" / "own.yaml").write_text(OWN)
        self.ports = {service: free_port() for service in PORTS}
        self.docker = docker.from_env()

    def environment(self) -> dict[str, str]:
        ports = {PORTS[service]: str(port) for service, port in self.ports.items()}
        run = {"ATIPICO_HOME": str(self.folder), "ATIPICO_RUN": str(self.folder / "run")}
        return {**os.environ, **run, **ports, "COMPOSE_PROJECT_NAME": self.project}

    def command(self, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        asked = [sys.executable, "-m", "atipico.cli", *words]
        how = {"capture_output": True, "text": True, "input": said, "timeout": 1500, "check": False}
        return subprocess.run(asked, env=self.environment(), **how)

    def up(self, *words: str) -> str:
        done = self.command("up", "docker", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    @cached_property
    def secrets(self) -> dict[str, str]:
        values = dotenv.read(self.folder / "compose" / ".env")
        return {name: values[name] for name in dotenv.SECRETS}

    # Containers

    def containers(self) -> dict[str, Container]:
        of_this = {"label": f"com.docker.compose.project={self.project}"}
        found = self.docker.containers.list(all=True, filters=of_this)
        return {one.labels["com.docker.compose.service"]: one for one in found}

    def health(self, service: str) -> str:
        state = self.containers()[service].attrs["State"]
        return state.get("Health", {}).get("Status", state["Status"])

    def kill(self, service: str) -> None:
        """As a crash or the kernel's want of memory does it; Docker then starts it again, as its policy says."""
        container = self.containers()[service]
        os.kill(container.attrs["State"]["Pid"], signal.SIGKILL)
        until(lambda: self.containers()[service].attrs["RestartCount"] > container.attrs["RestartCount"])

    def inside(self, service: str, *words: str) -> tuple[int, str]:
        """Exit code and output of a command in a container."""
        code, said = self.containers()[service].exec_run(list(words))
        return code, said.decode()

    def executed(self, name: str) -> Any:
        """A notebook of the course, on little data, run in JupyterLab's container; with what its cells show."""
        lab, little = self.containers()["jupyterlab"], {"ATIPICO_COURSE": "small"}
        words = ["python", "-c", EXECUTE, f"notebooks/{name}.py"]
        code, (said, complaints) = lab.exec_run(words, environment=little, demux=True)
        assert code == 0, complaints.decode()[-3000:]
        return nbformat.reads(said.decode(), as_version=4)

    def tail(self) -> str:
        """The end of what every container said."""
        return "\n".join(
            f"--- {name}\n{one.logs(tail=15).decode(errors='replace')}" for name, one in self.containers().items()
        )

    # Samples and scores

    def query(self, q: str) -> list[dict]:
        """The series of a statement's answer, times in ns."""
        asked = {"db": "atipico", "epoch": "ns", "q": q}
        login = ("reader", self.secrets["INFLUXDB_READER_PASSWORD"])
        (result,) = requests.get(f"{self.url('influxdb')}/query", asked, auth=login, timeout=30).json()["results"]
        assert "error" not in result, result
        return result.get("series", [])

    def write(self, lines: str) -> None:
        login = ("atipico", self.secrets["INFLUXDB_PASSWORD"])
        url = f"{self.url('influxdb')}/write?db=atipico"
        answer = requests.post(url, data=lines.encode(), auth=login, timeout=30)
        assert answer.status_code == 204, answer.text

    def panel(self, query: str) -> list[dict]:
        """What Grafana's data source finds."""
        login = ("admin", self.secrets["GRAFANA_PASSWORD"])
        source = requests.get(f"{self.url('grafana')}/api/datasources/name/{NAME}", auth=login, timeout=30).json()
        proxy = f"{self.url('grafana')}/api/datasources/proxy/{source['id']}/query"
        (result,) = requests.get(proxy, {"db": "atipico", "q": query}, auth=login, timeout=30).json()["results"]
        return result.get("series", [])
