"""What a panel shows, asked through Grafana as a browser has it asked."""

from __future__ import annotations

from typing import Any

from atipico.engines.grafana.dashboards import DASHBOARDS, LIVE
from atipico.engines.grafana.push import NAME
from atipico.engines.server import Server

_SCORE = "Highest score"


def filled(query: str, from_ns: int, to_ns: int) -> str:
    """A panel's query with Grafana's macros filled in: from a time to a time, every job."""
    span = f"time >= {from_ns} AND time <= {to_ns}"
    for macro, value in {"$timeFilter": span, "$__interval": "10s", "$job": ".*"}.items():
        query = query.replace(macro, value)
    return query


def queries() -> dict[str, str]:
    """Each query of each panel, and of what can be chosen, by a name that tells where it stands."""
    found: dict[str, str] = {}
    for board in DASHBOARDS.values():
        found |= {f"{board.title} / {one.label}": one.query for one in board.variables}
        for panel in board.panels:
            found |= {f"{board.title} / {panel.title} {at}": query for at, query in enumerate(panel.queries)}
    return found


def ask(grafana: Server, query: str) -> list[Any]:
    """The series that our data source finds. Raises NotYet when Grafana or the store is down, Refused when it won't."""
    source = grafana.ask("GET", f"/api/datasources/name/{NAME}")
    which = f"uid/{source['uid']}" if source.get("uid") else str(source["id"])  # old Grafanas have none
    told = grafana.ask("GET", f"/api/datasources/proxy/{which}/query", params={"db": "atipico", "q": query})
    series: list[Any] = told["results"][0].get("series", [])
    return series


def shows_a_score(grafana: Server, from_ns: int, to_ns: int) -> bool:
    """Whether the panel of scores has one in that time. Raises NotYet and Refused as `ask`."""
    (query,) = (panel.queries[0] for panel in LIVE.panels if panel.title == _SCORE)
    return bool(ask(grafana, filled(query, from_ns, to_ns)))
