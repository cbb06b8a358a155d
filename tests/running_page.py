"""The page before a real store, both in this process: `serving` puts any application on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from atipico import secret
from atipico.page.service import create_app as page_app
from atipico.page.settings import PageSettings
from atipico.store.api import create_app as store_app
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings

S = 10**9


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None: ...


@contextmanager
def serving(app: Any, port: int = 0) -> Iterator[str]:
    """The address of an application while the block runs."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Pair:
    """A store in a folder, and a page over it. asked: the queries that the store got."""

    def __init__(self, store: str, page: str, asked: list[str], token: str) -> None:
        self.store, self.page, self.asked = store, page, asked
        self._headers = {"Authorization": f"Token {token}"}

    def write(self, *lines: str) -> None:
        answer = requests.post(
            f"{self.store}/write?db=atipico", "\n".join(lines).encode(), timeout=10, headers=self._headers
        )
        assert answer.status_code == 204, answer.text

    def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = requests.get(self.page + path, params, timeout=10)
        assert answer.status_code == status, answer.text
        return answer.json()

    def view(self, job: str = "pumps", field: str = "heat", **params: Any) -> Any:
        return self.get("/api/view", job=job, field=field, **(params or {"last": 60}))


@contextmanager
def pair(folder: Path, **settings: Any) -> Iterator[Pair]:
    """A store and a page that asks it often."""
    store_settings = StoreSettings(data=str(folder / "data"))
    databases = Databases(store_settings)
    asked: list[str] = []
    secret.make(folder / "token")
    inner = store_app(databases, store_settings, folder / "token").wsgi_app

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    with serving(counted) as store:
        page = page_app(PageSettings(store_url=store, every=0.1, **settings))
        with serving(page) as url:
            yield Pair(store, url, asked, secret.read(folder / "token"))
    databases.close()


def sample(time: int, heat: float, id: int = 0, stream: str = "pumps") -> str:
    return f"{stream},shard=0 heat={heat},sample_id={id}i {time}"


def outcome(
    time: int, score: float, job: str = "pumps", stream: str = "pumps", why: str = "", scored: bool = True
) -> str:
    """A row of `scores`; an anomaly from 0.5 on."""
    told = why.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"scores,atipico_job={job},shard=0,source={stream} score={score},threshold=0.5,"
        f'anomalous={str(score >= 0.5).lower()},version="pumps@1",scored={str(scored).lower()},why="{told}" {time}'
    )


def label(time: int, id: int, true: int, stream: str = "pumps") -> str:
    return f"labels,source={stream} id={id}i,label={true}i {time}"


def follow(url: str, place: str, last_event: str = "", **params: Any) -> Events:
    query = "&".join(
        f"{name}={quote(str(value))}" for name, value in {"job": "pumps", "field": "heat", **params}.items()
    )
    headers = {"Last-Event-ID": last_event} if last_event else {}
    return Events(requests.get(f"{url}/events?{query}&place={place}", headers=headers, stream=True, timeout=20))


class Events:
    """Server-sent events as they come: (name, data, id)."""

    def __init__(self, answer: requests.Response) -> None:
        assert answer.status_code == 200, answer.text
        self._answer, self._lines = answer, answer.iter_lines(decode_unicode=True)

    def next(self, *names: str, within_s: float = 15.0) -> tuple[str, Any, str]:
        """The next event of one of these names."""
        import orjson

        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            event: dict[str, str] = {}
            for line in self._lines:
                if not line:
                    break
                name, _, value = line.partition(": ")
                event[name] = value
            if event.get("event") in names:
                return event["event"], orjson.loads(event["data"]), event.get("id", "")
        raise AssertionError(f"no {names} within {within_s:g} s")

    def close(self) -> None:
        self._answer.close()
