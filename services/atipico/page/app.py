"""The live page: wiring."""

from __future__ import annotations

from atipico import logs
from atipico.config import load
from atipico.heartbeat import say_left, start_beating
from atipico.page.feeds import Hub
from atipico.page.service import create_app
from atipico.page.settings import PageSettings
from atipico.web import refuse_busy_port, serve

_THREADS = 8  # for requests, besides one for each browser that is kept up to date


def run(port: int | None = None, host: str | None = None) -> None:
    """Serve in the foreground until SIGTERM. A store that is down stops nothing: the page tells it."""
    logs.start("page")
    settings = load(PageSettings, port=port, host=host)
    refuse_busy_port("page", settings.host, settings.port)
    start_beating("page", settings.store())
    hub = Hub(settings.clients)
    app = create_app(settings, hub)
    unanswered = serve("page", app, settings.host, settings.port, settings.clients + _THREADS, hub.end, visited=True)
    say_left("page", **{"requests, for whoever asks again": unanswered})
