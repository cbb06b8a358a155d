"""A chain that runs: store, classifier, agent and host as processes of their own, in a run folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from atipico.config import PACKAGE, home
from atipico.engines.embedded.probes import answers, listens
from atipico.errors import Refused

NAIVE = Path(__file__).parent / "naive"
_START_S, _STOP_S, _POLL_S = 60.0, 10.0, 0.05
_LOG_SHOWN = 2000  # bytes
_ATIPICO = (sys.executable, "-P", "-m", "atipico.cli")


class Chain:
    """The four parts of a chain, up from `with` to its end. Everything it wrote is gone afterwards.

    forest: None starts our chain, as `atipico up` starts it; a forest's file the naive one, whose store and
    host are ours and whose agent and classifier are those of bench/naive. models: the folder of those that are served.
    """

    parts: tuple[str, ...] = ("store", "host", "agent", "classifier")  # measured; and the generator once it writes

    def __init__(self, forest: Path | None = None, models: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="at-"))  # short: a socket's path is
        self.store_port, self._classifier_port = _free_port(), _free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._forest, self._models, self._socket = forest, models, self.folder / "agent.sock"

    def __enter__(self) -> Chain:
        jobs = self.folder / "jobs"
        jobs.mkdir()
        shutil.copyfile(home() / "jobs" / "payments.toml", jobs / "payments.toml")
        try:
            for part, (command, ready) in self._parts().items():
                if part in self.parts:
                    self._start(part, command, ready)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pids(self) -> dict[str, int]:
        """The process of each part."""
        return {part: self.processes[part].pid for part in self.parts if part in self.processes}

    def generate(self, rate: float) -> None:
        """Our generator writes payments from now on, so many a second."""
        streams = {"payments": {"source": "payments", "rate": rate}}
        os.environ["ATIPICO_GENERATOR_STREAMS"] = json.dumps(streams)
        self.parts = (*self.parts, "generator")
        self._start("generator", (*_ATIPICO, "generator"), (self.folder / "parts" / "generator.json").exists)

    def check(self) -> None:
        """Raises Refused with the end of its log when a part has ended."""
        for part, process in self.processes.items():
            if process.poll() is not None:
                raise Refused(f"{part} ended with {process.returncode}; its log ends:\n{self._log(part)}")

    def _parts(self) -> Mapping[str, tuple[tuple[str, ...], Callable[[], bool]]]:
        """What starts each part and shows that it is up, in the order of their start."""
        url = f"http://127.0.0.1:{self._classifier_port}"
        classifier: tuple[str, ...] = (*_ATIPICO, "classifier")
        agent: tuple[str, ...] = (*_ATIPICO, "agent")
        ping = "/-/ready"
        if self._forest:
            service, port = str(NAIVE / "service.py"), str(self._classifier_port)
            classifier, ping = (sys.executable, service, "--port", port, "--forest", str(self._forest)), "/ping"
            agent = (sys.executable, str(NAIVE / "agent.py"), "--socket", str(self._socket), "--url", url)
        beat = self.folder / "parts" / "host.json"
        store_up, classifier_up = answers(self.store_port, "/ping"), answers(self._classifier_port, ping)
        agent_up = listens(self._socket)
        return {
            "store": ((*_ATIPICO, "store"), lambda: store_up(0)),
            "classifier": (classifier, lambda: classifier_up(0)),
            "agent": (agent, lambda: agent_up(0)),
            "host": ((*_ATIPICO, "host"), beat.exists),
        }

    def _start(self, part: str, command: tuple[str, ...], ready: Callable[[], bool]) -> None:
        log = (self.folder / f"{part}.log").open("wb")
        with log:
            self.processes[part] = subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise Refused(f"{part} is not up after {_START_S:g} s; its log ends:\n{self._log(part)}")
            time.sleep(_POLL_S)

    def _environment(self) -> dict[str, str]:
        classifier = f"http://127.0.0.1:{self._classifier_port}"
        ours = {
            "ATIPICO_HOME": str(home()),
            "ATIPICO_RUN": str(self.folder),
            "ATIPICO_STORE_PORT": str(self.store_port),
            "ATIPICO_CLASSIFIER_PORT": str(self._classifier_port),
            "ATIPICO_AGENT_CLASSIFIER__URL": classifier,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(PACKAGE.parent),
            "PYTHONUNBUFFERED": "1",
        }
        if self._models:
            ours["ATIPICO_CLASSIFIER_MODELS"] = str(self._models)
        if self._forest:  # it reads no faster than it answers; the host must wait for it, and not begin again
            ours["ATIPICO_HOST_AGENT_TIMEOUT"] = "10m"
        return {**os.environ, **ours}

    def _log(self, part: str) -> str:
        return (self.folder / f"{part}.log").read_bytes()[-_LOG_SHOWN:].decode(errors="replace")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
