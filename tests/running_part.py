"""Any part as a process of its own, in a run folder and on a port of the test's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from running_store import free_port
from waiting import until

SERVICES = Path(__file__).parents[1] / "services"


class RunningPart:
    """Runs from its making on. `settings` become environment variables ATIPICO_<NAME>."""

    def __init__(self, run: Path, name: str, *words: str, **settings: object) -> None:
        self.run, self.name, self.port = run, name, free_port()
        given = {f"{name}_port": self.port, "run": run, **settings}
        self.log = run / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "atipico.cli", name, *words],
                env={
                    **os.environ,
                    "PYTHONPATH": str(SERVICES),
                    **{f"ATIPICO_{key.upper()}": str(value) for key, value in given.items()},
                },
                stdout=log,
                stderr=log,
            )

    def listening(self) -> RunningPart:
        until(self._listens)
        return self

    def connect(self, *sent: bytes) -> socket.socket:
        """A connection on which that much of a request was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        for some in sent:
            connection.sendall(some)
        return connection

    def beat(self) -> dict[str, Any]:
        """The last heartbeat; {} before the first."""
        path = self.run / "parts" / f"{self.name}.json"
        told = orjson.loads(path.read_bytes()) if path.exists() else {}
        return told if told.get("pid") == self.process.pid else {}

    def value(self, name: str) -> float:
        return float(self.beat().get("values", {}).get(name, 0))

    def told_to_stop(self) -> RunningPart:
        self.process.send_signal(signal.SIGTERM)
        return self

    def left(self, within_s: float = 20.0) -> dict[str, int]:
        """What it says it left once it ended by itself, less what is nothing; in its log and in its heartbeat alike."""
        assert self.process.wait(within_s) == 0, self.log.read_text()
        told = [orjson.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        assert told[-1]["event"] == "stopped", told[-1]
        assert told[-1]["left"] == self.beat()["left"]
        return {what: much for what, much in told[-1]["left"].items() if much}

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
