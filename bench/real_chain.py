"""A chain on the real servers: InfluxDB and Kapacitor in the place of our store and host; see tests/real/README.md.

Kapacitor writes outcomes after `flush` of the kapacitor engine's settings at the latest, behind either agent.
"""

from __future__ import annotations

import sys
from pathlib import Path

from load import STREAM
from running import Chain

from atipico.config import load
from atipico.engines.kapacitor.settings import KapacitorSettings
from atipico.engines.kapacitor.tick import script
from atipico.registry.jobs import load_job

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from servers import Influx, Kapacitor, Server
from waiting import until

NAIVE = """stream
    |from()
        .measurement('payments')
        .groupBy('shard')
    @atipico()
    |influxDBOut()
        .database('atipico')
        .retentionPolicy('autogen')
        .measurement('scores')
        .precision('ns')
        .flushInterval(FLUSHms)
"""


class RealChain(Chain):
    """Agent and classifier as in `Chain`, between an InfluxDB and a Kapacitor."""

    parts = ("influxd", "kapacitord", "agent", "classifier")

    def __enter__(self) -> RealChain:
        self._servers: list[Server] = []
        try:
            influx = self._run(Influx(self.folder / "influxd"))
            self.store_port = influx.port
            super().__enter__()
            timeout = "10m" if self._forest else "10s"  # the naive agent answers a keepalive in its turn
            udfs = {"atipico": self._socket}
            kapacitor = self._run(Kapacitor(self.folder / "kapacitord", influx, udfs, timeout, snapshot="1m"))
            until(lambda: influx.query("SHOW SUBSCRIPTIONS"))
            kapacitor.task(STREAM, self._script())
            until(lambda: kapacitor.look(STREAM)["executing"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in reversed(self._servers):
            server.stop()
        super().__exit__()

    @property
    def pids(self) -> dict[str, int]:
        servers = {server.name: server.process.pid for server in self._servers if server.process}
        return {**servers, **super().pids}

    def _run(self, server: Server) -> Server:
        self._servers.append(server)
        return server.start()

    def _script(self) -> str:
        flush_s = load(KapacitorSettings).flush
        if self._forest:
            return NAIVE.replace("FLUSH", str(round(flush_s * 1000)))
        job = self.folder / "jobs" / f"{STREAM}.toml"
        job.write_text('engine = "kapacitor"\n' + job.read_text())
        return script(load_job(job), "atipico", "autogen", by_shard=True, flush_s=flush_s)
