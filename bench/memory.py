"""Whether every part keeps to its memory once its windows are full: the stack of `atipico up`.

    .venv/bin/python bench/memory.py
    .venv/bin/python bench/memory.py --keys 2000 --warm-rate 3000 --warm 45 --rate 3000 --seconds 60

Payments of so many cards come quickly first, until each card has more payments than any window holds and the days of
the longest one have passed; then at the rate that is asked for. The agent's memory swings: it takes more for each
checkpoint, and makes room for windows ahead. So a part is judged by the median of the first third of the time behind
the warm-up and that of the last. It fails when one has grown to more than `--most` times, twice in a row, or began
anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode
from urllib.request import urlopen

import psutil

from atipico.config import PACKAGE
from atipico.engines.embedded import processes
from atipico.errors import AtipicoError, Refused

PARTS = ("store", "classifier", "agent", "host", "generator", "page", "supervisor")
_EVERY_S = 0.25
_LITTLE = 2_000_000  # bytes of the log
_DAYS = 200  # of the world's clock in the warm-up: windows of 30 days fill and move on


class Grown(NamedTuple):
    """Resident memory of one part in MB: the median of the first third, that of the last, and the highest of all."""

    part: str
    base: float
    end: float
    most: float

    @property
    def times(self) -> float:
        return self.end / self.base


class Stack:
    """The stack in a run folder of its own, and nothing of it behind the end of `with`."""

    def __init__(self, keys: int) -> None:
        self.run = Path(tempfile.mkdtemp(prefix="at-"))  # short: a socket's path is
        self._keys = keys
        self.store_port = _free_port()
        ports = {"STORE": self.store_port, "CLASSIFIER": _free_port(), "PAGE": _free_port()}
        self._env = {**os.environ, **{f"ATIPICO_{part}_PORT": str(at) for part, at in ports.items()}}
        for part in ("AGENT", "HOST", "GENERATOR", "SUPERVISOR"):
            self._env[f"ATIPICO_{part}_METRICS_PORT"] = "0"
        self._env |= {"ATIPICO_RUN": str(self.run), "PYTHONPATH": str(PACKAGE.parent)}

    def __enter__(self) -> Stack:
        try:
            self._atipico("up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._atipico("down", check=False)
        processes.stop([one for some in processes.running(self.run).values() for one in some], 1.0)
        shutil.rmtree(self.run, ignore_errors=True)

    def stream(self, rate: float, per_day: float) -> None:
        """Let the generator begin with payments of all keys at a rate, samples/s."""
        options = f"{{ seed = 1, customers = {self._keys}, per_day = {per_day:.0f} }}"
        text = f'[streams.payments]\nsource = "payments"\nrate = {rate:g}\noptions = {options}\n'
        (self.run / "generator.toml").write_text(text)
        for process in processes.running(self.run).get("generator", []):
            process.send_signal(signal.SIGTERM)  # the supervisor starts it again

    def pids(self) -> dict[str, int]:
        return {part: some[0].pid for part, some in processes.running(self.run).items() if some}

    def memory(self) -> dict[str, float]:
        """Resident memory of each part, MB."""
        found = {}
        for part, pid in self.pids().items():
            try:
                found[part] = psutil.Process(pid).memory_info().rss / 2**20
            except psutil.NoSuchProcess:
                continue
        return found

    def scored(self) -> int:
        """How many outcomes of payments are visible."""
        q = 'SELECT count("score") FROM "scores" WHERE "atipico_job" = \'payments\''
        with urlopen(f"http://127.0.0.1:{self.store_port}/query?{urlencode({'db': 'atipico', 'q': q})}") as answer:
            series = json.load(answer)["results"][0].get("series", [])
        return int(series[0]["values"][0][1]) if series else 0

    def _atipico(self, *words: str, check: bool = True) -> None:
        command = [sys.executable, "-P", "-m", "atipico.cli", *words]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=180, check=False)
        if check and done.returncode:
            raise Refused(f"{' '.join(words)}: {done.stderr}")


def measure(
    keys: int, warm_rate: float, warm_s: float, rate: float, seconds: float, most: float
) -> tuple[list[Grown], int, int]:
    """Each part's memory, how many samples were scored meanwhile, and in all.

    One that has grown to more than `most` times is watched for as long once more.
    """
    per_day = warm_rate * warm_s / _DAYS
    with Stack(keys) as stack:
        stack.stream(warm_rate, per_day)
        say(f"{keys} keys; warm-up: {warm_s:g} s at {warm_rate:g}/s, {per_day:.0f} payments a day")
        watch(stack, warm_s)
        stack.stream(rate, per_day)
        settle(stack)
        pids, before = stack.pids(), stack.scored()
        say(f"{before} scored; now {seconds:g} s at {rate:g}/s")
        found, after = grown(watch(stack, seconds)), stack.scored()
        if more := {one.part for one in found if one.times > most}:
            say(f"{table(found)}\nonce more: a leak goes on, a step such as for the blocks behind a pause does not")
            again = {one.part: one for one in grown(watch(stack, seconds))}
            found = [again[one.part] if one.part in more else one for one in found]
        if other := {part for part, pid in stack.pids().items() if pids.get(part) != pid}:
            raise Refused(f"{', '.join(sorted(other))} began anew meanwhile; see why")
        return found, after - before, after


def watch(stack: Stack, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """By part: (when, MB) for so long."""
    seen: dict[str, list[tuple[float, float]]] = {}
    began = told = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        memory = stack.memory()
        for part, size in memory.items():
            seen.setdefault(part, []).append((now, size))
        if now - told > 60:
            told = now
            say(f"{now - began:5.0f} s  " + "  ".join(f"{part} {size:.0f}" for part, size in memory.items()))
        time.sleep(_EVERY_S)
    return seen


def settle(stack: Stack) -> None:
    """Wait until what the warm-up left is scored: until the host was seen twice with little left to read."""
    deadline, looks = time.monotonic() + 120, 0
    while looks < 2 and time.monotonic() < deadline:
        time.sleep(2)
        looks = looks + 1 if _backlog(stack) < _LITTLE else 0


def _backlog(stack: Stack) -> float:
    """Bytes of the log that the host has not read."""
    beat = json.loads((stack.run / "parts" / "host.json").read_bytes())
    return float(max((v for k, v in beat["values"].items() if k.startswith("atipico_backlog")), default=0.0))


def grown(seen: dict[str, list[tuple[float, float]]]) -> list[Grown]:
    """What became of each part's memory: (when, MB) as `watch` saw it."""
    return [_grown(part, rows) for part, rows in seen.items()]


def _grown(part: str, rows: list[tuple[float, float]]) -> Grown:
    first, last = rows[0][0], rows[-1][0]
    third = (last - first) / 3
    base = statistics.median(size for at, size in rows if at <= first + third)
    end = statistics.median(size for at, size in rows if at >= last - third)
    return Grown(part, base, end, max(size for _, size in rows))


def table(parts: list[Grown]) -> str:
    rows = [f"{one.part:12} {one.base:11.1f} {one.end:10.1f} {one.times:7.3f} {one.most:8.1f}" for one in parts]
    return "\n".join([f"{'memory MB':12} {'first third':>11} {'last third':>10} {'times':>7} {'most':>8}", *rows])


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=10_000, help="cards")
    parser.add_argument("--warm-rate", type=float, default=6000.0, help="samples a second in the warm-up")
    parser.add_argument("--warm", type=float, default=150.0, help="seconds of warm-up")
    parser.add_argument("--rate", type=float, default=1000.0, help="samples a second behind it")
    parser.add_argument("--seconds", type=float, default=900.0, help="how long at that rate")
    parser.add_argument("--most", type=float, default=1.1, help="how many times its memory a part may have at the end")
    given = parser.parse_args()
    parts, scored, _ = measure(given.keys, given.warm_rate, given.warm, given.rate, given.seconds, given.most)
    print(table(parts))
    print(f"{scored} samples scored behind the warm-up, {scored / given.seconds:.0f} a second")
    late = [one.part for one in parts if one.times > given.most]
    if late:
        print(f"grown to more than {given.most:g} times: {', '.join(late)}")
    return int(bool(late))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the parts that were started end too
    try:
        sys.exit(main())
    except AtipicoError as error:
        sys.exit(str(error))
