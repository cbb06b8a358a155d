"""The whole chain as a user starts it: `atipico up` in a run folder of its own, on free ports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import psutil
import pytest

from atipico.engines.embedded import processes
from atipico.wire.sample import Score
from running_store import free_port
from waiting import until

SERVICES = Path(__file__).parents[2] / "services"


class Stack:
    """One run folder and its ports. Nothing runs before `up`, or after `close`."""

    def __init__(self) -> None:
        self.run = Path(tempfile.mkdtemp(prefix="at-"))  # short: a socket's path is
        self.ports = {part: free_port() for part in ("store", "classifier", "page", "lab")}
        self.env = {
            **os.environ,
            **{f"ATIPICO_{part.upper()}_PORT": str(port) for part, port in self.ports.items()},
            "ATIPICO_RUN": str(self.run),
            "PYTHONPATH": str(SERVICES),
        }

    def atipico(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atipico.cli", *words]
        return subprocess.run(command, env=env or self.env, capture_output=True, text=True, timeout=110, check=False)

    def in_another_shell(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Typed where the run folder is known and none of its ports."""
        return self.atipico(*words, env={name: text for name, text in self.env.items() if not name.endswith("_PORT")})

    def up(self, *words: str) -> str:
        done = self.atipico("up", *words)
        assert done.returncode == 0, f"up {words}: {done.stderr}"
        return done.stdout

    def status(self) -> dict[str, dict[str, Any]]:
        """The rows of `atipico status --json` by part."""
        return {row["name"]: row for row in json.loads(self.atipico("status", "--json").stdout)["parts"]}

    def running(self) -> dict[str, list[psutil.Process]]:
        """The living processes by name."""
        return processes.running(self.run)

    def processes(self) -> list[psutil.Process]:
        return [process for several in self.running().values() for process in several]

    def query(self, q: str, db: str = "atipico") -> list[dict[str, Any]]:
        """The series of one statement; values are lists, times ns."""
        with urlopen(f"{self.url('store')}/query?{urlencode({'db': db, 'epoch': 'ns', 'q': q})}", timeout=30) as answer:
            result = json.load(answer)["results"][0]
        assert "error" not in result, result
        return result.get("series", [])

    def write(self, lines: bytes, db: str = "atipico") -> None:
        headers = {"Authorization": f"Token {(self.run / 'token').read_text().strip()}"}
        with urlopen(
            Request(f"{self.url('store')}/write?db={db}", lines, headers, method="POST"), timeout=30
        ) as answer:
            assert answer.status == 204

    def scores(self, where: str = "time > 0") -> int:
        """How many outcome rows the store shows."""
        series = self.query(f'SELECT count("score") FROM "scores" WHERE {where}')
        return sum(row[1] for one in series for row in one["values"])

    def outcomes(self, job: str) -> dict[int, Score]:
        """What a job told of its samples, by their time."""
        fields = ", ".join(f'"{name}"' for name in Score._fields)
        series = self.query(f'SELECT {fields} FROM "scores" WHERE "atipico_job" = \'{job}\' AND time > 0')
        return {row[0]: Score(*row[1:]) for one in series for row in one["values"]}

    def kill(self, part: str) -> int:
        """End a part with no warning; the pid that it had."""
        pid = int(self.status()[part]["pid"])
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_and_wait(self, part: str) -> None:
        """End a part with no warning, and wait until another process runs in its place."""
        dead = self.kill(part)
        until(lambda: (self.status().get(part) or {}).get("pid") not in (None, dead))

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    def close(self) -> None:
        """Stop everything; also what `down` would leave, which then fails the test."""
        done = self.atipico("down")
        left = self.processes()
        processes.stop(left, 1.0)
        shutil.rmtree(self.run, ignore_errors=True)
        assert done.returncode == 0, done.stderr
        assert not left, f"`down` left {left}"


@pytest.fixture
def new_stack() -> Iterator[Stack]:
    """A run folder in which nothing runs yet."""
    stack = Stack()
    yield stack
    stack.close()


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running stack, one a module; `parametrize("stack", [("--rate", "200")], indirect=True)` gives `up` words."""
    stack = Stack()
    try:
        stack.up(*getattr(request, "param", ()))
        yield stack
    finally:
        stack.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the faults and the controls found, where some were tried."""
    from stack.faults.table import TABLE

    if lines := TABLE.lines():
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)
