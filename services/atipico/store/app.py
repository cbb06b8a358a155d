"""The store: lines come in over HTTP, rows and an ordered log come out."""

from __future__ import annotations

from pathlib import Path

from atipico import logs, secret, tls
from atipico.config import load, run_dir
from atipico.heartbeat import say_left, start_beating
from atipico.store.api import create_app
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from atipico.store.tidy import Tidy
from atipico.store_access import NOBODY, StoreAccess
from atipico.web import refuse_busy_port, serve


def run(port: int | None = None, host: str | None = None, data: Path | str | None = None) -> None:
    """Serve in the foreground until SIGTERM."""
    logs.start("store")
    settings = load(StoreSettings, port=port, host=host, data=str(data) if data else None)
    refuse_busy_port("store", settings.host, settings.port)  # before the log is read, which may take a while
    start_beating("store", StoreAccess(f"{tls.scheme()}://127.0.0.1:{settings.port}", NOBODY))
    secret.make(run_dir() / "token")  # labels need it
    databases = Databases(settings)
    app, tidy = create_app(databases, settings), Tidy(databases, settings)
    unanswered = 0
    try:
        unanswered = serve(
            "store",
            app,
            settings.host,
            settings.port,
            settings.threads,
            databases.end_waiting,
            body=settings.body,
        )
    finally:
        tidy.stop()
        databases.close()
        rows = sum(database.fold.waiting for database in databases.all())
        left = {"requests, for whoever asks again": unanswered, "rows in the log alone, folded at the next start": rows}
        say_left("store", **left)
