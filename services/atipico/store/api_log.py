"""GET /log: the accepted lines of one measurement, or of some, in their order, from an offset on, waiting for more."""

from __future__ import annotations

import threading
import time

from flask import Blueprint, Response, request

from atipico import metrics
from atipico.at_work import waiting
from atipico.errors import Refused
from atipico.store.databases import Databases
from atipico.store.log import Block, Log
from atipico.store.readers import Reader
from atipico.wire.log import BEGIN, END, NEXT

_LIMIT, _MOST_LIMIT, _MOST_WAIT_S = 256 * 1024, 8 * 2**20, 30.0
_MOST_MEASUREMENTS = 8


def blueprint(databases: Databases, most_waiting: int) -> Blueprint:
    """The one route. most_waiting: so many requests may wait at once; one more is answered without waiting."""
    routes = Blueprint("log", __name__)
    seats = threading.Semaphore(most_waiting)

    @routes.get("/log")
    def read() -> Response:
        database = databases.get(request.args.get("db", ""))
        measurements = [name for name in request.args.getlist("measurement") if name]
        if not 0 < len(measurements) <= _MOST_MEASUREMENTS:
            raise Refused(f"measurement is required, at most {_MOST_MEASUREMENTS} times")
        limit, wait_s = min(_number("limit", _LIMIT), _MOST_LIMIT), min(_number("wait", 0.0), _MOST_WAIT_S)
        offset = _offset(database.log)
        if name := request.args.get("reader"):
            for measurement in measurements:
                database.readers.note(Reader(name, measurement, int(_number("done", 0))), offset)
        until = int(_number("until", 0)) or None
        block = database.log.read(offset, measurements, int(limit), until)
        if not block.lines and until is None and wait_s > 0 and seats.acquire(blocking=False):
            try:
                block = _wait(database.log, block, measurements, int(limit), time.monotonic() + wait_s)
            finally:
                seats.release()
        headers = {BEGIN: str(offset), NEXT: str(block.after), END: str(block.end)}
        return Response(block.lines, headers=headers, content_type="text/plain; charset=utf-8")

    return routes


def _wait(log: Log, block: Block, measurements: list[str], limit: int, until: float) -> Block:
    with waiting(), metrics.BACKLOG.labels("readers waiting").track_inprogress():
        while not block.lines and log.wait(block.after, max(0.0, until - time.monotonic())):
            block = log.read(block.after, measurements, limit)
    return block


def _offset(log: Log) -> int:
    text = request.args.get("offset", "first")
    if text == "first":
        return log.oldest
    if text == "end":
        return log.synced
    return int(_number("offset", 0))


def _number(name: str, default: float) -> float:
    text = request.args.get(name)
    if text is None:
        return default
    if not text.replace(".", "", 1).isdecimal() or len(text) > 25 or float(text) >= 2**63:
        raise Refused(f"{name}={text[:40]!r} is no number that can be meant; see the store's README")
    return float(text) if "." in text else int(text)
