"""A running stack whose every connection goes through a proxy and whose every folder has a disk of its own."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import orjson
import psutil

from atipico.config import home
from atipico.engines.embedded import processes, state
from stack.conftest import SERVICES, Stack
from stack.faults.disk import Disk
from stack.faults.http_proxy import HttpProxy
from stack.faults.udf_proxy import UdfProxy
from stack.faults.undisturbed import Undisturbed, options
from stack.faults.verdict import Verdict, judge
from waiting import until

PARTS = ("generator", "store", "host", "agent", "classifier", "supervisor")
RATE = 250  # samples/s
SWITCHED_OFF = Path(__file__).parent / "switched_off"
_DISKS = {"generator": "generator", "store": "store", "host": "host", "agent": "agent"}
_FRESH_S, _AT_ONCE_NS = 3.0, 40 * 10**9


@dataclass
class Running:
    """A stream that runs, and what its outcomes must be.

    checked: up to which time, ns, they were compared; 0: not at all. row: the place in its source that comes next.
    """

    name: str
    undisturbed: Undisturbed
    checked: int = 0
    row: int = 0


class Chain(Stack):
    """`up` as a user does it; then `begin` has the generator stream a world of a seed and the host score it.

    write, log, udf, rest: what stands between generator and store, host and store, host and agent, agent and
    classifier. Everything is taken down and away by `close`, mounts too.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng, self.disks = random.Random(seed), dict[str, Disk]()
        self.home = Path(tempfile.mkdtemp(prefix="at-"))
        self.proxies: list[HttpProxy | UdfProxy] = []
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        (self.home / "jobs").mkdir()
        shutil.copyfile(home() / "jobs" / "machine.toml", self.home / "jobs" / "machine.toml")
        shutil.copytree(home() / "models", self.home / "models")
        (self.home / "data").symlink_to(home() / "data")
        # The run folder itself first: the others lie in it.
        self.disks["supervisor"] = Disk(self.run)
        self.disks |= {part: Disk(self.run / folder) for part, folder in _DISKS.items()}
        self.disks |= {"classifier": Disk(self.run / "parts"), "logs": Disk(self.run / "log")}
        (self.run / "patches").mkdir()
        store, classifier = self.ports["store"], self.ports["classifier"]
        self.write_proxy, self.log_proxy = HttpProxy(store, self.rng), HttpProxy(store, self.rng)
        self.rest_proxy = HttpProxy(classifier, self.rng)
        self.udf_proxy = UdfProxy(self.run / "between.sock", self.run / "agent.sock", self.rng)
        self.proxies = [self.write_proxy, self.log_proxy, self.rest_proxy, self.udf_proxy]
        self.env |= {
            "ATIPICO_HOME": str(self.home),
            "ATIPICO_GENERATOR_STORE__URL": f"http://127.0.0.1:{self.write_proxy.port}",
            "ATIPICO_HOST_STORE_PORT": str(self.log_proxy.port),
            "ATIPICO_HOST_AGENT_SOCKET": str(self.udf_proxy.path),
            "ATIPICO_AGENT_CLASSIFIER_PORT": str(self.rest_proxy.port),
            "ATIPICO_SUPERVISOR_RESTART__FORGOTTEN_AFTER": "3s",
            "ATIPICO_STILL": "5s",
            "PYTHONPATH": os.pathsep.join([str(SERVICES), str(SWITCHED_OFF)]),
            "SWITCHED_OFF": str(self.run / "patches"),
        }
        self.env |= {f"ATIPICO_{part.upper()}_METRICS_PORT": "0" for part in ("agent", "host", "generator")}
        self.env["ATIPICO_SUPERVISOR_METRICS_PORT"] = "0"

    # ------------------------------------------------------------ a stream

    def begin(self, name: str, seed: int, rate: float = RATE) -> Running:
        """Have the world of a seed streamed into the measurement `name`, and a job of that name score it."""
        told = ", ".join(f"{word} = {orjson.dumps(value).decode()}" for word, value in options(seed).items())
        (self.run / "generator.toml").write_text(
            f'catch_up = "4s"\n[streams.{name}]\nsource = "payments"\nmeasurement = "{name}"\nrate = {rate}\n'
            f"options = {{ {told} }}\n"
        )
        stream = self.job(name, seed)
        self.restart("generator")
        until(lambda: self.visible(stream, 0))
        return stream

    def job(self, name: str, seed: int, more: str = "") -> Running:
        """Have a job score what comes into the measurement `name`. more: settings beside those of the payments job."""
        job = (
            (home() / "jobs" / "payments.toml").read_text().replace('stream = "payments"', f'stream = "{name}"\n{more}')
        )
        path = self.run / "jobs" / f"{name}.toml"
        path.write_text(job)
        self.restart("host")
        return Running(name, Undisturbed(seed, path, self.home / "models"))

    def visible(self, stream: Running, since: int) -> int:
        """How many outcomes a reader sees of samples later than that, ns; 0 also while the store does not answer."""
        with contextlib.suppress(OSError, HTTPException, KeyError):
            return self.scores(f"time > {since} AND \"atipico_job\" = '{stream.name}'")
        return 0

    def judged(self, stream: Running, upto: int, anew: bool = False) -> Verdict:
        """What came since the last time, before a time, ns; anew: all from the first sample on. Some at once."""
        if anew or not stream.checked:
            stream.checked, stream.row = self._first(stream), 0
        found = Verdict(0, [], [], [], stream.row)
        while stream.checked < upto:
            stop = min(upto, stream.checked + _AT_ONCE_NS)
            found += judge(self, stream.name, stream.undisturbed, stream.checked, stop, found.after)
            stream.checked, stream.row = stop, found.after
        return found

    def _first(self, stream: Running) -> int:
        series = self.query(f'SELECT first("transaction_id") FROM "{stream.name}" GROUP BY "shard"')
        return min(one["values"][0][0] for one in series)

    # ------------------------------------------------------------ parts

    def process(self, part: str) -> psutil.Process | None:
        return next(iter(processes.running(self.run).get(part, [])), None)

    def pid(self, part: str) -> int:
        """The pid of a part that runs, once it does."""
        return until(lambda: process.pid if (process := self.process(part)) else 0)

    def at_work(self, part: str) -> bool:
        """Whether the part runs and the supervisor knows it as ready, and itself is not behind."""
        living, told = self.process(part), state.read(self.run)
        if living is None or not told:
            return False
        if part == "supervisor":
            return bool(told["pid"] == living.pid and time.time() - told["time"] < _FRESH_S)
        known: dict[str, Any] = told["parts"].get(part, {})
        return bool(known.get("pid") == living.pid and known.get("state") == "up")

    def end(self, part: str) -> int:
        """End a part with no warning; its pid, once it is gone."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        until(lambda: (process := self.process(part)) is None or process.pid != pid)
        return pid

    def restart(self, part: str) -> None:
        dead = self.end(part)
        until(lambda: self.at_work(part) and self.pid(part) != dead)

    @contextlib.contextmanager
    def nobody_restarts(self) -> Iterator[None]:
        """While this lasts the supervisor starts nothing; one that ended is not started either."""
        stopped = [self.pid("guard"), self.pid("supervisor")]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(stopped):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def switch(self, part: str, patch: str | None) -> None:
        """Have a part run with a protection switched off, by the name of its patch, or as it is; starts it again."""
        file = self.run / "patches" / part
        if patch is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(patch)
        self.restart(part)

    def power_cut(self) -> None:
        """The store ends, and what it had not synced is gone: of its log what was not noted as synced, and the tables.

        For a store whose synced lengths are noted, see switched_off/patches.py.
        """
        with self.nobody_restarts():
            self.end("store")
            for segment in (self.run / "store" / "atipico" / "log").glob("*.log"):
                noted = segment.with_suffix(".synced")
                os.truncate(segment, int(noted.read_text()) if noted.exists() else 0)
            for table in (self.run / "store" / "atipico").glob("tables.sqlite*"):
                table.unlink()

    def close(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        for proxy in self.proxies:
            proxy.close()
        try:
            super().close()
        finally:
            for disk in reversed(self.disks.values()):
                disk.close()
            shutil.rmtree(self.run, ignore_errors=True)
            shutil.rmtree(self.home, ignore_errors=True)
