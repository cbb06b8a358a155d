"""Requests to the page, over a store with a job in it: names and ranges never become anything but names and ranges."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import orjson
from werkzeug.test import Client

from atipico.page import influx, service
from atipico.page.settings import PageSettings
from atipico.store import query as _query  # noqa: F401  # loaded with the first query otherwise
from atipico.store.api import create_app as store_app
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from fuzz.folders import scratch
from fuzz.http_text import WORDS as HTTP
from fuzz.http_text import ask
from running_page import label, outcome, sample

WORDS = [*HTTP, b"GET /api/view?job=pumps&field=heat", b"GET /api/parts?", b"GET /api/names", b"GET /static/page.css"]
WORDS += [
    b"&from=0&to=9000000000000000000",
    b"&last=60",
    b"&points=10",
    b"GET /events?job=pumps&field=heat&place=1.1.1",
]
WORDS += [b"&step=1000000000", b"\nLast-Event-ID: 1.1.1", b"9223372036854775807", b"pump's", b'heat" FROM /.*/ --']
_EXPECTED = {200, 206, 304, 400, 404, 405, 416, 429, 503}
_folder = scratch()
os.environ["ATIPICO_RUN"] = str(_folder / "run")
_databases = Databases(StoreSettings(data=str(_folder / "data")))
_asked = Client(store_app(_databases, StoreSettings()))
_S = 10**9
_rows = [sample(at * _S, float(at), at) for at in range(1, 30)]
_rows += [outcome(at * _S, at / 30, why="heat=3") for at in range(1, 30)]
_rows += [label(3 * _S, 3, 1), outcome(3 * _S, 0.7, job="pump's", stream="pumps")]
_databases.get("atipico").write("\n".join(_rows).encode())


class _Near(influx.Influx):
    """Asks the store in this very process."""

    def _post(self, body: str) -> Any:
        answer = _asked.post("/query", data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code == 200, (body, answer.text)  # what the page asks is always a statement
        return SimpleNamespace(status=answer.status_code), answer.data  # as http.client names it


service.Influx = _Near  # type: ignore[misc]
_app = service.create_app(PageSettings(store_url="http://127.0.0.1:1", every=60))
_files = {path.read_bytes() for path in service.STATIC.rglob("*") if path.is_file()}


def attack(data: bytes) -> None:
    answer = ask(_app, data, most_chunks=2)  # of what never ends: the first line, and what was missed
    assert answer.status in _EXPECTED, answer
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    kind = answer.headers["content-type"]
    if answer.status == 200 and "json" in kind:
        assert b'"error"' not in answer.body or orjson.loads(answer.body)
    elif answer.status in (200, 206) and kind.startswith(("text/html", "text/javascript", "text/css")):
        assert any(answer.body in file for file in _files), "a file that is not the page's own"
    elif answer.status >= 400 and answer.body:
        assert 0 < len(orjson.loads(answer.body)["error"]) < 2000
