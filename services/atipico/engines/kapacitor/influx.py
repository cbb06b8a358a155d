"""What the kapacitor engine needs to know of an InfluxDB 1.x, and has made there."""

from __future__ import annotations

from typing import Any

from atipico.engines.server import Server
from atipico.errors import Refused


class Influx:
    """Databases, retention policies and settings of the server behind `server`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def check_version(self) -> None:
        """Raises Refused for an InfluxDB of version 2 or 3: those hand nothing over to Kapacitor."""
        version = self._server.head("/ping").get("X-Influxdb-Version", "")
        if version.lstrip("v")[:2] in ("2.", "3."):
            raise Refused(
                f"{self._server.name} at {self._server.url} is version {version}, which hands no points over to "
                "Kapacitor; jobs of this engine need 1.8, those of the engine polled do not (docs/existing.md)"
            )

    def databases(self) -> list[str]:
        return [row[0] for row in self._rows("SHOW DATABASES")]

    def policies(self, database: str) -> list[str]:
        """The names of a database's retention policies."""
        return [row[0] for row in self._rows(f"SHOW RETENTION POLICIES ON {quoted(database)}")]

    def tags(self, database: str, measurement: str) -> list[str]:
        """The tag keys of a measurement; none when it has no points yet."""
        return [row[0] for row in self._rows(f"SHOW TAG KEYS ON {quoted(database)} FROM {quoted(measurement)}")]

    def subscribers(self) -> int | None:
        """How many writers hand points over to each subscriber; None where the server does not tell this user."""
        try:
            (series,) = self._ask("SHOW DIAGNOSTICS FOR 'config-subscriber'")
            return int(dict(zip(series["columns"], series["values"][0], strict=True))["write-concurrency"])
        except (Refused, ValueError, KeyError, IndexError):
            return None

    def make_database(self, database: str) -> None:
        self._ask(f"CREATE DATABASE {quoted(database)}")

    def make_policy(self, database: str, policy: str, keep_s: float, default: bool) -> None:
        """keep_s: how long points are kept, in seconds; 0 for ever."""
        keep = f"{round(keep_s)}s" if keep_s else "INF"
        last = " DEFAULT" if default else ""
        self._ask(f"CREATE RETENTION POLICY {quoted(policy)} ON {quoted(database)} DURATION {keep} REPLICATION 1{last}")

    def fields(self, database: str, measurement: str) -> dict[str, str]:
        """The fields of a measurement with their types; none when it has no points yet."""
        return dict(self._rows(f"SHOW FIELD KEYS ON {quoted(database)} FROM {quoted(measurement)}"))

    def select(self, statement: str) -> list[dict[str, Any]]:
        """The series of a statement that reads; times are in ns."""
        return self._ask(statement)

    def write(self, database: str, policy: str, lines: bytes) -> None:
        """Write lines whose times are in ns; returns once they are accepted. Raises NotYet, Refused."""
        self._server.ask("POST", "/write", params={"db": database, "rp": policy, "precision": "ns"}, data=lines)

    def _rows(self, statement: str) -> list[list[Any]]:
        return [row for series in self._ask(statement) for row in series["values"]]

    def _ask(self, statement: str) -> list[dict[str, Any]]:
        answer = self._server.ask("POST", "/query", data={"q": statement, "epoch": "ns"})
        try:
            (result,) = answer["results"]
        except (KeyError, TypeError, ValueError):
            raise Refused(f"what answers at {self._server.url} is no InfluxDB of version 1") from None
        if "error" in result:
            raise Refused(f"{self._server.name} at {self._server.url}: {result['error']}")
        series: list[dict[str, Any]] = result.get("series", [])
        if result.get("partial") or any(one.get("partial") for one in series):
            raise Refused(
                f"{self._server.name} at {self._server.url} cuts its answers; "
                "set max-row-limit = 0 in [http] of influxdb.conf"
            )
        return series


def measurement(database: str, policy: str, name: str) -> str:
    """A measurement of a retention policy as InfluxQL takes it."""
    return f"{quoted(database)}.{quoted(policy)}.{quoted(name)}"


def text(value: str) -> str:
    """A text as InfluxQL takes it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def quoted(name: str) -> str:
    """A name as InfluxQL takes it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
