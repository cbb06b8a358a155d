"""Panels and dashboards as plain values, and the JSON that Grafana takes them as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

SOURCE = {"type": "influxdb", "uid": "atipico"}
WIDTH = 24  # columns of a dashboard
_SCHEMA = 39  # of Grafana 10.4; older ones keep what they don't know, newer ones migrate


class Panel(NamedTuple):
    """kind: timeseries, stat or table. queries: InfluxQL with Grafana's macros; names: what their series are called.

    unit: Grafana's name of it, such as s, ms, bytes, short. width: of 24 columns. about: one sentence for who looks.
    """

    title: str
    kind: str
    queries: Sequence[str]
    about: str
    unit: str = "short"
    width: int = 12
    height: int = 8
    names: Sequence[str] = ()


class Variable(NamedTuple):
    """What can be chosen at the top of a dashboard; the values come from a query."""

    name: str
    label: str
    query: str


class Dashboard(NamedTuple):
    """uid: what links and provisioning know it by."""

    uid: str
    title: str
    panels: Sequence[Panel]
    variables: Sequence[Variable] = ()
    since: str = "now-15m"


def to_json(board: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": board.uid,
        "title": board.title,
        "tags": ["atipico"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "refresh": "5s",
        "time": {"from": board.since, "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_variable(one) for one in board.variables]},
        "panels": _placed(board.panels),
        "links": [
            {"type": "dashboards", "tags": ["atipico"], "title": "Atipico", "asDropdown": True, "keepTime": True}
        ],
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """The panels in rows, from left to right, each row as high as its first."""
    placed, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y = 0, y + height
        height = panel.height if x == 0 else height
        placed.append(_panel(number, panel) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": height}})
        x += panel.width
    return placed


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    targets = [_target(at, panel, query) for at, query in enumerate(panel.queries)]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": targets,
    }


def _target(at: int, panel: Panel, query: str) -> dict[str, Any]:
    told = {"refId": chr(ord("A") + at), "datasource": SOURCE, "rawQuery": True, "query": query}
    told["resultFormat"] = "table" if panel.kind == "table" else "time_series"
    return told | ({"alias": panel.names[at]} if at < len(panel.names) else {})


_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    "stat": {"reduceOptions": {"calcs": ["sum"], "fields": "", "values": False}, "colorMode": "value"},
    "table": {"showHeader": True},
}


def _variable(one: Variable) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": one.label,
        "type": "query",
        "datasource": SOURCE,
        "query": one.query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": False,
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }
