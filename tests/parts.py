"""Parts of the chain as processes of their own, in run folders of a test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from running_store import free_port
from waiting import until


class Part:
    """One part, started by `start`; `settings` are environment variables. What it says goes to `said`."""

    code = ""

    def __init__(self, run: Path, **settings: object) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self.said = run / f"{type(self).__name__.lower()}.log"
        self._environment = {**os.environ, "ATIPICO_RUN": str(run), "PYTHONPATH": ":".join(filter(None, sys.path))}
        self._environment |= {name: str(value) for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Part:
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.code], env=self._environment, stdout=said, stderr=said
            )
        until(self.up)
        return self

    def up(self) -> bool:
        """Whether it does its work; fails when it ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.said.read_text()
        return True

    def kill(self) -> None:
        """As a crash does it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(number)
            process.wait(30)


class Agent(Part):
    """The agent on a socket, before a classifier."""

    code = "from atipico.agent.app import run; run()"

    def __init__(self, run: Path, socket: Path, classifier_port: int, **settings: object) -> None:
        self.socket = socket
        more = {"ATIPICO_AGENT_SOCKET": socket, "ATIPICO_AGENT_CLASSIFIER_PORT": classifier_port}
        super().__init__(run, **more, **settings)

    def up(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return super().up() and probe.connect_ex(str(self.socket)) == 0


class EmbeddedHost(Part):
    """Our own stream host, between a store and an agent."""

    code = "from atipico.stream.app import run; run()"


class Page(Part):
    """The live page over a store; `url` is where it is."""

    code = "from atipico.page.app import run; run()"

    def __init__(self, run: Path, **settings: object) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(run, ATIPICO_PAGE_PORT=port, **settings)

    def up(self) -> bool:
        try:
            return super().up() and requests.get(f"{self.url}/ping", timeout=2).ok
        except requests.RequestException:
            return False


class Sweeper(Part):
    """What sees to the jobs on an InfluxDB."""

    code = "from atipico.engines.sweeper.app import run; run()"
