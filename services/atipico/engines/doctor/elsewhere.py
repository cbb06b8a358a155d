"""The store that the run was told of, where it is not the stack's own: does it answer, and does it know who asks?"""

from __future__ import annotations

from collections.abc import Iterator

from atipico.engines.doctor.finding import Finding, fault, ok, warning
from atipico.engines.kapacitor.influx import Influx
from atipico.engines.server import Server
from atipico.errors import AtipicoError
from atipico.store_access import CURE, elsewhere, store_access

_TIMEOUT_S = 5.0
_DATABASE = "atipico"


def store() -> Iterator[Finding]:
    """Nothing where ATIPICO_STORE_URL names none."""
    if not elsewhere():
        return
    name, (url, login) = "store elsewhere", store_access()
    server = Server("InfluxDB", url, login.headers(), _TIMEOUT_S, CURE)
    try:
        version = server.head("/ping").get("X-Influxdb-Version", "of an unknown version")
        databases = Influx(server).databases()
    except AtipicoError as error:
        yield fault(name, str(error), "see docs/existing.md")
        return
    told = f"InfluxDB {version} at {url} knows who asks; databases: {', '.join(databases) or 'none'}"
    if _DATABASE in databases:
        yield ok(name, told)
    else:
        yield warning(name, told, f"`atipico apply` makes {_DATABASE}, or whom it belongs to gives you rights on it")
