"""The chain on the real servers, each part a process of its own, with a sweeper or without."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests

import servers
from atipico.config import home
from parts import Agent, Part, Sweeper
from running_store import free_port
from stack.faults.undisturbed import Undisturbed, options
from stack.faults.verdict import Verdict, judge
from waiting import until

STREAM = "sales"
SEED = 7
RATE = 250  # samples/s
UDF_TIMEOUT = "4s"  # how long the agent may be silent for Kapacitor


class Classifier(Part):
    """The classifier on a port of its own."""

    code = "from atipico.classifier.app import run; run()"

    def __init__(self, run: Path, models: Path) -> None:
        self.port = free_port()
        super().__init__(run, ATIPICO_CLASSIFIER_PORT=self.port, ATIPICO_CLASSIFIER_MODELS=models)

    def up(self) -> bool:
        with suppress(requests.RequestException):
            return super().up() and requests.get(f"http://127.0.0.1:{self.port}/-/ready", timeout=2).ok
        return False


class Generator(Part):
    """The generator of one stream of payments."""

    code = "from atipico.generator.app import run; run()"


class Chain:
    """Up with `begin`; what it tells is compared with what it would be if nothing ever happened."""

    def __init__(self, new: Callable, folder: Path, sweeper: bool = True) -> None:
        self._run, self._sweeps = folder / "run", sweeper
        (self._run / "jobs").mkdir(parents=True)
        (self._run / "generator").mkdir()
        told = ", ".join(f"{word} = {json.dumps(value)}" for word, value in options(SEED).items())
        (self._run / "generator.toml").write_text(
            f'[streams.{STREAM}]\nsource = "payments"\nmeasurement = "{STREAM}"\n'
            f"rate = {RATE}\noptions = {{ {told} }}\n"
        )
        self.job = folder / f"{STREAM}.toml"
        payments = (home() / "jobs" / "payments.toml").read_text()
        self.job.write_text(payments.replace('stream = "payments"', f'stream = "{STREAM}"\nengine = "kapacitor"'))
        models = folder / "models"
        shutil.copytree(home() / "models", models)
        self.influx = new(servers.Influx)
        self.classifier = Classifier(self._run, models)
        socket = folder / "a.sock"
        self.agent = Agent(self._run, socket, self.classifier.port, ATIPICO_AGENT_METRICS_PORT=0)
        self.kapacitor = new(servers.Kapacitor, self.influx, {"atipico": socket}, UDF_TIMEOUT, "10s")
        self._asked = {
            "ATIPICO_KAPACITOR_INFLUX_URL": self.influx.url,
            "ATIPICO_KAPACITOR_KAPACITOR_URL": self.kapacitor.url,
        }
        self.sweeper = Sweeper(self._run, ATIPICO_KAPACITOR_AGENT_SOCKET=socket, **self._asked)
        self.generator = Generator(
            self._run, ATIPICO_GENERATOR_STORE__URL=self.influx.url, ATIPICO_GENERATOR_METRICS_PORT=0
        )
        self.parts = {
            "influxd": self.influx,
            "kapacitord": self.kapacitor,
            "agent": self.agent,
            "classifier": self.classifier,
            "generator": self.generator,
        }
        self._undisturbed = Undisturbed(SEED, self.job, models)

    def begin(self) -> None:
        """All up, the job applied, the first outcomes there."""
        self.influx.start()
        self.classifier.start()
        self.agent.start()
        self.kapacitor.start()
        until(lambda: self.influx.query("SHOW SUBSCRIPTIONS"))
        self.apply()
        if self._sweeps:
            self.sweeper.start()
            until((self._run / "sweeper" / f"{STREAM}.json").exists)
        self.generator.start()
        until(lambda: self.outcomes() > 0)

    def apply(self) -> None:
        environment = {**self._asked, "ATIPICO_RUN": str(self._run), "PYTHONPATH": ":".join(sys.path)}
        command = [sys.executable, "-m", "atipico.cli", "apply", "-f", str(self.job)]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)

    def outcomes(self, since: int = 0) -> int:
        series = self.influx.query(f'SELECT count("scored") FROM "scores" WHERE time > {since}')
        return int(series[0]["values"][0][1]) if series else 0

    def verdict(self, upto: int) -> Verdict:
        """Of all samples before a time, ns."""
        series = self.influx.query(f'SELECT first("transaction_id") FROM "{STREAM}"')
        return judge(self.influx, STREAM, self._undisturbed, series[0]["values"][0][0], upto, 0)

    def whole(self, upto: int, within_s: float) -> float:
        """Seconds until every sample before a time (ns) has its right outcome. Fails with what is wrong."""
        begun, told = time.monotonic(), None
        while time.monotonic() - begun < within_s:
            with suppress(requests.RequestException, KeyError, AssertionError):
                told = self.verdict(upto)
                if told.tried and told.clean:
                    return time.monotonic() - begun
            time.sleep(0.5)
        raise AssertionError(f"not whole after {within_s} s: {told}\n{self.tails()}")

    def tails(self) -> str:
        said = [(part, part.said) for part in (self.agent, self.sweeper, self.generator) if part.said.exists()]
        return (
            "\n".join(f"--- {type(part).__name__}\n{path.read_text()[-3000:]}" for part, path in said)
            + self.kapacitor.tail()
        )

    def close(self) -> None:
        for part in (self.generator, self.sweeper, self.agent, self.classifier):
            if part.process:
                part.process.send_signal(signal.SIGCONT)
                part.stop()
        for server in (self.kapacitor, self.influx):
            if server.process:
                server.process.send_signal(signal.SIGCONT)
