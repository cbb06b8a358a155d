"""The store over HTTP, as InfluxDB 1.8 speaks: errors are JSON in its words, and say what may be tried again."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import orjson
import structlog
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import HTTPException

from atipico.config import run_dir
from atipico.errors import NotYet, Refused
from atipico.store import api_log, api_write
from atipico.store.body import TooLarge
from atipico.store.databases import Databases, UnknownDatabase
from atipico.store.guard import Forbidden, Guard, Unauthorized, is_loopback
from atipico.store.log import LogGone
from atipico.store.settings import StoreSettings
from atipico.wire import rows_csv
from atipico.wire.rows_csv import TYPES

VERSION = "1.8.10"  # of InfluxDB, whose ways these are; some clients look at it
_HEALTH = {"name": "influxdb", "message": "ready for queries and writes", "status": "pass", "checks": []}
_STATUS: dict[type[Exception], int] = {
    UnknownDatabase: 404,
    TooLarge: 413,
    Unauthorized: 401,
    Forbidden: 403,
    LogGone: 410,
    Refused: 400,
    NotYet: 503,
}
_V2_CODES = {400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not found", 413: "request too large"}
_NO_HEADER = re.compile(r"[^ -~]")  # a refused line that is told again may hold anything
_say = structlog.get_logger("store")


def create_app(databases: Databases, settings: StoreSettings, token: Path | None = None) -> Flask:
    """The application; `databases` stay open as long as it is served. token: its file, the run folder's unless told."""
    app = Flask("atipico.store")
    app.url_map.merge_slashes = False  # //write is no route, and needs no redirect
    guard = Guard(token or run_dir() / "token", open=is_loopback(settings.host))
    app.register_blueprint(api_write.blueprint(databases, guard, settings.body))
    app.register_blueprint(api_log.blueprint(databases, most_waiting=max(1, settings.threads // 2)))

    @app.route("/ping", methods=["GET", "HEAD"])
    def ping() -> Response:
        if request.args.get("verbose") not in (None, "", "0", "false"):
            return answer({"version": VERSION})
        return Response(status=204, content_type="application/json")

    @app.get("/health")
    def health() -> Response:
        return answer(
            {
                "name": "influxdb",
                "message": "ready for queries and writes",
                "status": "pass",
                "checks": [],
                "version": VERSION,
            }
        )

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    @app.route("/query", methods=["GET", "POST"])
    def query() -> Response:
        from atipico.store.query import answer as ask

        q = request.values.get("q")
        if not q:
            raise Refused('missing required parameter "q"')
        if request.method == "POST":
            guard.check_site(request)
        changes = request.method == "POST" and guard.may_change(request)
        kind = request.accept_mimetypes.best_match(["application/json", *TYPES])
        csv = kind in TYPES
        database, epoch = request.values.get("db"), request.values.get("epoch") or ("ns" if csv else None)
        try:
            found = ask(databases, q, database, epoch, time.time_ns(), "POST" if changes else "GET")
        except Refused as error:
            if not csv:
                raise
            return Response(rows_csv.csv({"error": str(error)}), 400, content_type=kind)
        return Response(rows_csv.csv(found), content_type=kind) if csv else answer(found)

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return complain(error)

    @app.after_request
    def sign(response: Response) -> Response:
        response.headers["X-Influxdb-Version"] = VERSION
        response.headers["X-Influxdb-Build"] = "atipico"
        return response

    return app


def answer(body: Any, status: int = 200) -> Response:
    """JSON with a newline behind it, as InfluxDB sends it."""
    return Response(orjson.dumps(body) + b"\n", status, content_type="application/json")


def complain(error: Exception) -> Response:
    """An error as its client expects it: {"error"}, and under /api/v2 {"code", "message"} too."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
    text = str(error)
    if isinstance(error, HTTPException):
        status, text = error.code or 500, f"{error.name}: {request.method} {request.path}"
    elif status == 500:
        _say.error("a request failed", path=request.path, exc_info=error)
        text = f"internal error: {type(error).__name__}; see the store's log"
    v2 = request.path.startswith("/api/v2/")
    body = {"error": text} | ({"code": _V2_CODES.get(status, "unavailable"), "message": text} if v2 else {})
    if isinstance(error, LogGone):
        body |= {"oldest": error.oldest, "end": error.end}  # type: ignore[dict-item]
    response = answer(body, status)
    response.headers["X-Influxdb-Error"] = _NO_HEADER.sub(" ", text[:500])
    if isinstance(error, NotYet):
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return response
