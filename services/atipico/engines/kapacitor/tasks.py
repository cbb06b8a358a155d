"""Kapacitor's tasks over its API."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from atipico.engines.kapacitor.tick import literal
from atipico.engines.server import Server
from atipico.errors import AtipicoError, Refused

_PATH = "/kapacitor/v1/tasks"
_MOST = 100_000  # tasks
_TOPICS = "/kapacitor/v1/alerts/topics"


class Task(NamedTuple):
    """dbrp: database and retention policy that it reads. error: why it does not run, "" where it does."""

    id: str
    script: str
    dbrp: tuple[str, str]
    enabled: bool = True
    error: str = ""


class Tasks:
    """The tasks of the Kapacitor behind `server`. udf: what our agent is called there."""

    def __init__(self, server: Server, udf: str) -> None:
        self._server, self._udf = server, udf

    def find(self, id: str) -> Task | None:
        """A task as it is; None when there is none of that id."""
        told = self._server.ask("GET", f"{_PATH}/{quote(id, safe='')}", absent=True, params={"script-format": "raw"})
        if told is None:
            return None
        dbrps = [(one["db"], one["rp"]) for one in told["dbrps"]]
        enabled = told["status"] == "enabled"
        error = told["error"] or ("" if told["executing"] or not enabled else "it does not execute")
        return Task(id, told["script"], dbrps[0] if len(dbrps) == 1 else ("several", str(dbrps)), enabled, error)

    def put(self, task: Task, there: bool) -> None:
        """Define a task and run it; one that is there already is stopped and begun anew."""
        body: dict[str, Any] = {
            "type": "stream",
            "dbrps": [{"db": task.dbrp[0], "rp": task.dbrp[1]}],
            "script": task.script,
        }
        try:
            if there:
                self._patch(task.id, {"status": "disabled", **body})
                self._patch(task.id, {"status": "enabled"})
            else:
                self._server.ask("POST", _PATH, json={"id": task.id, "status": "enabled", **body})
        except AtipicoError as error:
            raise self._helped(error) from error

    def since(self, id: str) -> int:
        """When a task was defined, ns."""
        told = self._server.ask("GET", f"{_PATH}/{quote(id, safe='')}", params={"fields": "created"})
        return round(datetime.fromisoformat(told["created"]).timestamp() * 1e9)

    def batch_of(self, job: str) -> str:
        """The task of the type batch that asks for the samples of a job, "" where there is none."""
        asked = {"fields": ["id", "type", "script"], "limit": _MOST}
        told = self._server.ask("GET", _PATH, params=asked)["tasks"]
        names_it = re.compile(rf"\.job\(\s*{re.escape(literal(job))}\s*\)")
        return next((one["id"] for one in told if one["type"] == "batch" and names_it.search(one["script"])), "")

    def unwritten(self, id: str) -> int:
        """How many rows a task has in its hands: taken to be written to InfluxDB, and not written yet."""
        told = self._server.ask("GET", f"{_PATH}/{quote(id, safe='')}", params={"fields": "stats"})
        nodes = (told.get("stats") or {}).get("node-stats") or {}
        out = [of for name, of in nodes.items() if name.startswith("influxdb_out")]
        return sum(int(of["collected"]) - int(of["points_written"]) for of in out)

    def revive(self, id: str) -> None:
        """Begin a task anew that is as it should be but does not run."""
        self._patch(id, {"status": "disabled"})
        self._patch(id, {"status": "enabled"})

    def delete(self, id: str) -> None:
        self._server.ask("DELETE", f"{_PATH}/{quote(id, safe='')}")

    def has_topic(self, id: str) -> bool:
        """Whether alerts were told under this topic, or somebody wants to be told of it."""
        return self._server.ask("GET", f"{_TOPICS}/{quote(id, safe='')}", absent=True) is not None

    def delete_topic(self, id: str) -> None:
        self._server.ask("DELETE", f"{_TOPICS}/{quote(id, safe='')}")

    def _patch(self, id: str, change: dict[str, Any]) -> None:
        self._server.ask("PATCH", f"{_PATH}/{quote(id, safe='')}", json=change)

    def _helped(self, error: AtipicoError) -> AtipicoError:
        where = f"{self._server.name} at {self._server.url}"
        if "HTTPPostService" in str(error):
            return Refused(f"{where} has no [[httppost]] of that endpoint in its kapacitor.conf; add it, with its url")
        if self._udf not in str(error) or "no method or property" not in str(error):
            return error
        return Refused(
            f"{where} does not know our agent; add to its kapacitor.conf "
            f'[udf.functions.{self._udf}] with socket = "<run folder>/agent.sock" and timeout = "10s", then '
            "start the agent, and Kapacitor again"
        )
