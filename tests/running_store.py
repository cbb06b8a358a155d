"""A store as a process of its own, on a free port, in a folder of the test."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from waiting import until

_FIRST, _MANY = 20_000, 12_000  # below those that a system gives to who asks for any, so that it gives none of these
_numbers = itertools.count(random.randrange(_MANY))


def free_port() -> int:
    """A port that nobody has, another one each time: who wants it may take a while to start."""
    some = itertools.islice(_numbers, _MANY)
    return next(port for number in some if is_free(port := _FIRST + number % _MANY))


def is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


class RunningStore:
    """Started by `start`; what it says goes to `said`. `settings` become environment variables."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.said = folder / "said.log"
        self._environment = {**os.environ, "ATIPICO_RUN": str(folder / "run")}
        self._environment |= {f"ATIPICO_STORE_{name.upper()}": str(value) for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RunningStore:
        code = f"from atipico.store.app import run; run(port={self.port}, data={str(self.folder / 'data')!r})"
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code], env=self._environment, stdout=said, stderr=said
            )
        until(self._answers)
        return self

    def let_in(self, run: Path) -> None:
        """Have a run folder know this store's token."""
        shutil.copy(self.folder / "run" / "token", run / "token")

    def kill(self) -> None:
        """As a crash does it."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As a supervisor does it; the exit code."""
        return self._end(signal.SIGTERM)

    def query(self, text: str, **more: str) -> list:
        """The values of the first series of an answer."""
        params = {"db": "atipico", "q": text, "epoch": "ns", **more}
        result = requests.get(f"{self.url}/query", params=params, timeout=30).json()["results"][0]
        assert "error" not in result, result
        return result["series"][0]["values"] if "series" in result else []

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said.read_text()
        try:
            return requests.get(f"{self.url}/ping", timeout=1).status_code == 204
        except requests.RequestException:
            return False

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        return process.wait(30)


@pytest.fixture(name="store")
def fresh_store(tmp_path):
    """A store with the database atipico, for one test."""
    store = RunningStore(tmp_path).start()
    yield store
    store.stop()
