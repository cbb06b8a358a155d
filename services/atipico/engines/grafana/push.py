"""The dashboards into a Grafana that is there already, by its API."""

from __future__ import annotations

from typing import Any

from atipico import store_access
from atipico.engines.grafana.dashboards import DASHBOARDS
from atipico.engines.grafana.panels import SOURCE, to_json
from atipico.engines.server import Login, Server
from atipico.store_access import NOBODY

NAME = "Atipico"
_CURE = "give --user and --password of an admin, or --token"


def push(
    url: str, login: Login, influx: str, database: str, reader: store_access.Login = NOBODY, timeout_s: float = 10.0
) -> list[str]:
    """Have a Grafana show the chain: a data source, made unless it is there, and the dashboards, overwritten.

    influx: where that Grafana finds the store. reader: as whom it asks there. Returns the dashboards' addresses.
    Raises NotYet when nobody answers, Refused when it won't.
    """
    grafana = Server("Grafana", url, login, timeout_s, _CURE)
    uid = _data_source(grafana, influx, database, reader)
    told = [_put(grafana, to_json(board), uid) for board in DASHBOARDS.values()]
    return [grafana.url + one["url"] for one in told]


def _data_source(grafana: Server, influx: str, database: str, reader: store_access.Login) -> str:
    """The uid of our data source; one of that name stays as it is. Old Grafanas have none, and go by the name."""
    found = grafana.ask("GET", f"/api/datasources/name/{NAME}", absent=True)
    if found is None:
        wanted: dict[str, Any] = {
            "name": NAME,
            "type": "influxdb",
            "access": "proxy",
            "url": influx,
            "database": database,
        }
        for name, said in reader.headers().items():
            wanted |= {"jsonData": {"httpHeaderName1": name}, "secureJsonData": {"httpHeaderValue1": said}}
        found = grafana.ask("POST", "/api/datasources", json={**wanted, "uid": SOURCE["uid"]})["datasource"]
    return str(found.get("uid", ""))


def _put(grafana: Server, board: dict[str, Any], uid: str) -> dict[str, Any]:
    if uid != SOURCE["uid"]:
        board = _with_source(board, uid)
    told: dict[str, Any] = grafana.ask("POST", "/api/dashboards/db", json={"dashboard": board, "overwrite": True})
    return told


def _with_source(value: Any, uid: str) -> Any:
    """The same with another data source: by its uid, or by its name where it has none."""
    if value == SOURCE:
        return {**SOURCE, "uid": uid} if uid else NAME
    if isinstance(value, dict):
        return {name: _with_source(one, uid) for name, one in value.items()}
    return [_with_source(one, uid) for one in value] if isinstance(value, list) else value
