"""Each line of the Procfile starts by itself and does what it is there for, under honcho."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests

from running_store import free_port, fresh_store, is_free  # noqa: F401 - a fixture
from waiting import until

HOUSE = Path(__file__).parents[2]
LINES = [line.split(":")[0] for line in (HOUSE / "Procfile").read_text().splitlines() if line and line[0] != "#"]


class Honcho:
    """The whole Procfile; a line's port is the first one and 100 more for each line before it."""

    def __init__(self, folder: Path, store: str) -> None:
        self.said = folder / "honcho.log"
        self.first = next(port for port in iter(free_port, None) if all(map(is_free, self.ports(port))))
        env = {**os.environ, "ATIPICO_RUN": str(folder / "run"), "ATIPICO_STORE_URL": store, "OMP_NUM_THREADS": "1"}
        env |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        command = [sys.executable, "-m", "honcho", "-f", str(HOUSE / "Procfile"), "start", "-p", str(self.first)]
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(command, cwd=HOUSE, env=env, stdout=said, stderr=said)

    @staticmethod
    def ports(first: int) -> list[int]:
        return [first + 100 * at for at in range(len(LINES))]

    def answers(self, line: str) -> bool:
        port = self.ports(self.first)[LINES.index(line)]
        try:
            return requests.get(f"http://127.0.0.1:{port}/ping", timeout=2).ok
        except requests.RequestException:
            return False


def test_each_line_of_the_procfile_starts_and_answers_and_ends_when_it_is_told_to(tmp_path, store):
    honcho = Honcho(tmp_path, store.url)
    try:
        until(lambda: honcho.answers("web") and honcho.answers("page"))
        until(lambda: store.query("SELECT count(amount) FROM payments"))
    finally:
        honcho.process.send_signal(signal.SIGTERM)
        honcho.process.wait(30)

    assert LINES == ["web", "page", "generator"]
    assert not honcho.answers("web")
    assert not honcho.answers("page")
