"""The page's routes. `/api` and `/events` are thin: checked parameters become statements, series become columns."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import TooManyRequests

from atipico import __version__
from atipico.metrics import REFUSED
from atipico.page import problems
from atipico.page.alerts import Alerts
from atipico.page.backlogs import Backlogs
from atipico.page.columns import Charts, TooMany
from atipico.page.feeds import END, RESET, Event, Feed, Hub
from atipico.page.influx import Influx
from atipico.page.live import Live, Place, View, dump, trouble
from atipico.page.marks import Marks
from atipico.page.names import Names
from atipico.page.parts import Parts
from atipico.page.settings import PageSettings
from atipico.web import WSGI

STATIC = Path(__file__).parent / "static"
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PARTS_EVERY_S = 2.0
_QUIET_S = 10.0  # after which a comment shows whether the browser is still there


def create_app(settings: PageSettings, hub: Hub | None = None) -> WSGI:
    """The page over one store. hub: where browsers listen, one of its own unless given."""
    influx = Influx(settings.store(), settings.database, settings.store_timeout)
    names, charts, marks = (
        Names(influx, settings.id_fields),
        Charts(influx, settings.points),
        Marks(influx, settings.marks),
    )
    parts, hub = Parts(influx), hub or Hub(settings.clients)
    backlogs, alerts = Backlogs(influx, names), Alerts(influx)
    app = Flask("atipico.page", static_folder=None)
    app.url_map.merge_slashes = False  # //api is no route, and needs no redirect

    @app.after_request
    def safe(response: Response) -> Response:
        response.headers.update(_SAFE)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response

    @app.errorhandler(Exception)
    def troubled(error: Exception) -> Response:
        status, headers, said = problems.answer(error)
        REFUSED.labels(str(status)).inc()
        return Response(dump({"error": said}), status, headers, content_type="application/json")

    @app.get("/")
    def index() -> Response:
        return send_from_directory(STATIC, "index.html")

    @app.get("/static/<path:name>")
    def static_file(name: str) -> Response:
        return send_from_directory(STATIC, name)

    @app.get("/api/names")
    def all_names() -> Response:
        """Jobs with their streams and fields, and the measurements there are besides."""
        jobs = [
            {"job": one.job, "stream": one.measurement, "fields": one.numbers(), "id": one.id_field}
            for one in names.streams().values()
        ]
        return _json(
            {"jobs": jobs, "measurements": names.measurements, "database": settings.database, "store": influx.url}
        )

    @app.get("/api/view")
    def view() -> Response:
        """A range of one field of a job's stream with its scores, marks, and the place from which `/events` goes on."""
        now = time.time_ns()
        start, stop = problems.span(request.args, now)
        points = problems.number(request.args, "points", 10, settings.points, default=600)
        stream = names.stream(problems.text(request.args, "job"))
        field = names.field(stream, problems.text(request.args, "field"))
        chart = charts.whole(stream, field, start, stop, points)
        told = {"from": str(start), "to": str(stop), "now": str(now), "place": str(Place(now, now, now))}
        return _json({**told, **chart.plain(), **marks.whole(stream, start, stop)})

    @app.get("/api/parts")
    def all_parts() -> Response:
        """Each part, each job's backlog, alerts that last, as they are now; how often a part began anew in a range."""
        now = time.time_ns()
        start, stop = problems.span(request.args, now)
        told = _health(now, parts, backlogs, alerts)
        return _json({**told, "restarts": parts.restarts(start, stop)})

    @app.get("/events")
    def events() -> Response:
        """What is new in a view, as server-sent events; an event's id is the place from which to go on."""
        stream = names.stream(problems.text(request.args, "job"))
        field = names.field(stream, problems.text(request.args, "field"))
        step = problems.number(request.args, "step", 0, 7 * 86400 * 10**9, default=0)
        place = Place.read(request.headers.get("Last-Event-ID") or problems.text(request.args, "place"))
        live = Live(charts, marks, stream, field, step)
        if not hub.seat():
            raise TooManyRequests(f"{settings.clients} pages are kept up to date already; close one, or raise clients")
        feeds = {
            (stream.job, field, step): lambda: Feed(View(live, time.time_ns()).poll, trouble, settings.every),
            "parts": lambda: Feed(lambda: _parts(parts, backlogs, alerts), trouble, _PARTS_EVERY_S),
        }
        response = Response(_told(hub, feeds, live, place), content_type="text/event-stream")
        response.call_on_close(hub.leave)
        return response

    @app.get("/ping")
    @app.get("/health")
    def health() -> Response:
        return _json({"status": "pass", "name": "atipico page", "version": __version__})

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)

    return app.wsgi_app


def _told(hub: Hub, feeds: dict[Any, Any], live: Live, place: Place) -> Iterator[bytes]:
    """First what the browser missed, then what its feeds say. Closed when the browser is gone."""
    yield b"retry: 1000\n\n"
    with hub.listening(feeds) as inbox:
        yield _missed(live, place).wire()
        while not hub.ended:
            try:
                if (event := inbox.get(timeout=_QUIET_S)) is not END:
                    yield event.wire()
            except queue.Empty:
                yield b": still here\n\n"


def _missed(live: Live, place: Place) -> Event:
    try:
        after, news = live.since(place, time.time_ns())
        return Event("news", dump(news), str(after))
    except TooMany:
        return RESET
    except Exception as error:
        return trouble(error)


def _parts(parts: Parts, backlogs: Backlogs, alerts: Alerts) -> list[Event]:
    return [Event("parts", dump(_health(time.time_ns(), parts, backlogs, alerts)))]


def _health(now: int, parts: Parts, backlogs: Backlogs, alerts: Alerts) -> dict[str, Any]:
    return {"parts": parts.now(now), "jobs": backlogs.now(now), "alerts": alerts.open(now), "now": str(now)}


def _json(value: Any) -> Response:
    return Response(dump(value), content_type="application/json")
