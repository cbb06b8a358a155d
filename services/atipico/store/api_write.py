"""POST /write (v1) and /api/v2/write: a body of lines, 204 when all of it is on disk."""

from __future__ import annotations

import time

from flask import Blueprint, Response, request

from atipico.errors import Refused
from atipico.metrics import HOPS
from atipico.store.body import read_body
from atipico.store.databases import Databases
from atipico.store.guard import Guard

_V2 = {"": 1, "ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}
_V1 = {**_V2, "n": 1, "u": 10**3, "m": 60 * 10**9, "h": 3600 * 10**9}
_POLICIES = ("", "autogen", "default")  # InfluxDB's first retention policy, the only one here


def blueprint(databases: Databases, guard: Guard, most: int) -> Blueprint:
    """The two ways to write. most: bytes of a body."""
    routes = Blueprint("write", __name__)

    @routes.post("/write")
    def v1() -> Response:
        guard.check(request)
        name, policy = request.args.get("db", ""), request.args.get("rp", "")
        if not name:
            raise Refused("database is required")
        unit = _unit(_V1, "use n, u, ms, s, m or h")
        return _write(name, policy, unit)

    @routes.post("/api/v2/write")
    def v2() -> Response:
        guard.check(request)
        name, _, policy = request.args.get("bucket", "").partition("/")
        if not name:
            raise Refused("bucket is required")
        return _write(name, policy, _unit(_V2, "use ns, us, ms or s"))

    def _write(name: str, policy: str, unit: int) -> Response:
        database, begun = databases.get(name), time.monotonic()
        if policy not in _POLICIES:
            raise Refused(f"retention policy not found: {policy}")
        body = read_body(request, most)
        guard.check_lines(request, body)
        written = database.write(body, unit)
        HOPS.took("write", time.monotonic() - begun)
        if complaint := written.complaint():
            raise Refused(complaint)
        return Response(status=204, content_type="application/json")

    return routes


def _unit(units: dict[str, int], cure: str) -> int:
    precision = request.args.get("precision", "")
    if precision not in units:
        raise Refused(f'invalid precision "{precision}" ({cure})')
    return units[precision]
