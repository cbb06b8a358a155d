"""The classifier: wiring."""

from __future__ import annotations

import logging
from pathlib import Path

from atipico import logs
from atipico.classifier.again import Again
from atipico.classifier.service import create_app
from atipico.classifier.settings import ClassifierSettings
from atipico.config import home, load, run_dir
from atipico.heartbeat import say_left, start_beating
from atipico.web import refuse_busy_port, serve


def run(port: int | None = None, host: str | None = None, models: Path | None = None) -> None:
    """Serve in the foreground until SIGTERM. A model that can't be served stops no other: /models tells why."""
    logs.start("classifier")
    settings = load(ClassifierSettings, port=port, host=host, models=str(models) if models else None)
    refuse_busy_port("classifier", settings.host, settings.port)
    start_beating("classifier")
    folder = Path(settings.models) if settings.models else home() / "models"
    again = Again(folder, settings.limits.model, run_dir())
    shelf = again.shelf
    for model, why in shelf.refused.items():
        logging.getLogger(__name__).error("model %s is not served: %s", model, why)
    if not shelf.models:
        logging.getLogger(__name__).error("no model in %s; nothing is scored until there is one", folder)

    again.start()
    app = create_app(shelf, settings.default, settings.limits.body)
    unanswered = serve(
        "classifier",
        app,
        settings.host,
        settings.port,
        settings.server.threads,
        body=settings.limits.body,
    )
    say_left("classifier", **{"requests, for whoever asks again": unanswered})
