"""Somebody who follows the pages: a clone of the house, a terminal in it, ports of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from atipico.engines.embedded import processes
from cloned import learnt_here
from docs.pages import Block, add_lines, agrees
from running_store import free_port

HOUSE = Path(__file__).parents[2]
CLONED = ("services", "jobs", "models", "data", "docs", "tests", "bench")
PORTS = {"store": 8086, "classifier": 8080, "page": 8050, "bell": 8060}  # what the pages say, and whose it is
PATIENCE_S = 40  # for what a query shows a little later
LONGEST_S = 150  # a command on a machine with other things to do
_DONE = "--done--"


def _left_behind(folder: str, names: list[str]) -> set[str]:
    """What no clone has."""
    return learnt_here(folder, names) | shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")(folder, names)


class Reader:
    """`type` runs a command as a terminal in the clone does; `follow` a block of a page.

    The set-up is left out: this very Python is the clone's .venv.
    """

    def __init__(self) -> None:
        self.clone = Path(tempfile.mkdtemp(prefix="rd-"))  # short: a socket's path is
        for name in CLONED:
            shutil.copytree(HOUSE / name, self.clone / name, ignore=_left_behind)
        for path in HOUSE.iterdir():
            if path.is_file() and not path.name.startswith("."):
                shutil.copy(path, self.clone / path.name)
        self._program("setup.sh", "exit 0")
        for program, words in {"python": "", "atipico": "-P -m atipico.cli"}.items():
            self._program(f".venv/bin/{program}", f'exec {sys.executable} {words} "$@"')
        self._said = (self.clone / "said.log").open("wb+")
        self.ports = {part: free_port() for part in PORTS}
        env = {k: v for k, v in os.environ.items() if k not in ("ATIPICO_RUN", "ATIPICO_HOME")}
        env |= {f"ATIPICO_{part.upper()}_PORT": str(port) for part, port in self.ports.items()}
        env |= {f"ATIPICO_{part}_METRICS_PORT": "0" for part in ("AGENT", "HOST", "GENERATOR")}
        env |= {"PYTHONPATH": str(self.clone / "services"), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
        self._shell = subprocess.Popen(
            ["sh"],
            cwd=self.clone,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def follow(self, page: list[Block]) -> None:
        """Do what a page says, block by block."""
        for at, block in enumerate(page):
            shown = page[at + 1].text if page[at + 1 : at + 2] and page[at + 1].kind == "text" else None
            if block.kind == "sh":
                self._follow_commands(block.text, shown)
            elif block.kind == "diff":
                path = self.clone / block.path
                path.write_text(add_lines(path.read_text(), block.text))
            elif block.kind != "text":
                path = self.clone / block.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)

    def _follow_commands(self, text: str, shown: str | None) -> None:
        *first, last = text.strip().splitlines()
        for command in first:
            self.type(command)
        printed = self.type(last)
        deadline = time.monotonic() + PATIENCE_S
        while shown is not None and not agrees(printed, shown):
            may_come = last.startswith("curl") and time.monotonic() < deadline
            assert may_come, f"{last}\nprinted\n{printed}\nthe page shows\n{shown}\n{self.said()}"
            time.sleep(0.2)  # who asks what is still coming in asks again
            printed = self.type(last)

    def type(self, command: str) -> str:
        """What the command prints. Fails when it ends with anything but 0."""
        for part, port in PORTS.items():
            command = command.replace(f"127.0.0.1:{port}", f"127.0.0.1:{self.ports[part]}")
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\necho {_DONE} $?\n")
        self._shell.stdin.flush()
        printed, hangs = "", threading.Timer(LONGEST_S, self._shell.kill)
        hangs.start()
        for line in self._shell.stdout:
            printed += line
            before, done, status = printed.rpartition(_DONE)
            if done:
                hangs.cancel()
                assert int(status) == 0, f"{command}\nended with {status}{before}\n{self.said()}"
                return before
        hangs.cancel()
        raise AssertionError(f"{command}\nended the terminal, or took {LONGEST_S} s:\n{printed}\n{self.said()}")

    def said(self) -> str:
        """The end of what went to standard error."""
        return Path(self._said.name).read_text(errors="replace")[-3000:]

    def close(self) -> None:
        """End whatever a page, or a test that failed, has left running."""
        processes.stop(psutil.Process(self._shell.pid).children(recursive=True), 5.0)
        self._shell.kill()
        self._shell.communicate()
        run = self.clone / "run"
        processes.stop([one for several in processes.running(run).values() for one in several], 10.0)
        self._said.close()
        shutil.rmtree(self.clone, ignore_errors=True)

    def _program(self, name: str, line: str) -> None:
        path = self.clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
