"""The parts from store to page as processes without a supervisor: what a test kills stays dead until it starts it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from running_store import free_port
from waiting import until

HOUSE = Path(__file__).parents[1]
PARTS = ("store", "classifier", "agent", "host", "page")
S = 10**9
USUAL = 40.0


class Chain:
    """One job, payments, and nobody who generates: only what a test writes is there."""

    def __init__(self) -> None:
        self.run = Path(tempfile.mkdtemp(prefix="at-"))  # short: a socket's path is
        (self.run / "jobs").mkdir()
        shutil.copy(HOUSE / "jobs" / "payments.toml", self.run / "jobs")
        self.ports = {part: free_port() for part in ("store", "classifier", "page")}
        self._env = {**os.environ, "ATIPICO_RUN": str(self.run), "OMP_NUM_THREADS": "1"}
        self._env |= {f"ATIPICO_{part.upper()}_PORT": str(port) for part, port in self.ports.items()}
        self._env |= {"PYTHONPATH": str(HOUSE / "services"), "ATIPICO_PAGE_EVERY": "200ms"}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._id = 0

    def start(self, *parts: str) -> None:
        for part in parts:
            with (self.run / f"{part}.log").open("ab") as said:
                code = f"from atipico.{'stream' if part == 'host' else part}.app import run; run()"
                command = [sys.executable, "-c", code]
                self._processes[part] = subprocess.Popen(command, env=self._env, stdout=said, stderr=said)
        for part in set(parts) & {"store", "page"}:
            until(lambda part=part: self._answers(part))

    def kill(self, part: str) -> None:
        process = self._processes.pop(part)
        process.send_signal(signal.SIGKILL)
        process.wait(30)

    def close(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.run, ignore_errors=True)

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.ports['page']}/"

    def write(self, *lines: str) -> None:
        url = f"http://127.0.0.1:{self.ports['store']}/write?db=atipico"
        headers = {"Authorization": f"Token {(self.run / 'token').read_text().strip()}"}
        answer = requests.post(url, "\n".join(lines).encode(), timeout=10, headers=headers)
        assert answer.status_code == 204, answer.text

    def pay(self, amount: float, customer: int = 7, terminal: int = 3) -> int:
        """One payment, now; its transaction_id."""
        self._id += 1
        now = time.time_ns()
        fields = (
            f"transaction_id={self._id}i,customer={customer}i,terminal={terminal}i,amount={amount},event_time={now}i"
        )
        self.write(f"payments,shard=0 {fields} {now}")
        return self._id

    def label(self, id: int, true: int) -> None:
        self.write(f"labels,source=payments id={id}i,label={true}i")

    def scored(self) -> int:
        """How many payments have their outcome."""
        params = {"db": "atipico", "q": 'SELECT count("score") FROM "scores"'}
        url = f"http://127.0.0.1:{self.ports['store']}/query"
        series = requests.get(url, params, timeout=10).json()["results"][0].get("series", [])
        return series[0]["values"][0][1] if series else 0

    def _answers(self, part: str) -> bool:
        assert self._processes[part].poll() is None, (self.run / f"{part}.log").read_text()
        try:
            return requests.get(f"http://127.0.0.1:{self.ports[part]}/ping", timeout=1).ok
        except requests.RequestException:
            return False
