"""Requests to the store: each is answered in its own words, none by a failure, and no file lies outside its folder."""

from __future__ import annotations

import os
import shutil

import orjson

from atipico.store import query as _query  # noqa: F401  # loaded with the first query otherwise
from atipico.store.api import create_app
from atipico.store.databases import Databases
from atipico.store.settings import StoreSettings
from fuzz.folders import scratch
from fuzz.http_text import WORDS as HTTP
from fuzz.http_text import ask

WORDS = [
    *HTTP,
    b"write?db=atipico",
    b"&precision=",
    b"&rp=autogen",
    b"api/v2/write?bucket=atipico",
    b"query?db=atipico&q=",
]
WORDS += [b"log?db=atipico&measurement=m", b"&offset=first", b"&limit=", b"&wait=0", b"&reader=r", b"&done=", b"ping"]
WORDS += [
    b"CREATE+DATABASE+",
    b"DROP+DATABASE+",
    b"SHOW+",
    b"SELECT+*+FROM+m",
    b"\nContent-Encoding: gzip",
    b"m v=1 1\n",
]
_EXPECTED = {200, 204, 400, 401, 403, 404, 405, 410, 413, 503}


class _Store:
    def __init__(self) -> None:
        self.around = scratch()
        os.environ["ATIPICO_RUN"] = str(self.around / "run")
        settings = StoreSettings(data=str(self.around / "data"), body=5000, series=1000, fields=100, threads=4)
        self.databases = Databases(settings)
        self.app = create_app(self.databases, settings).wsgi_app

    def check(self) -> None:
        """Databases are folders of the data folder, whatever their names are."""
        assert {path.name for path in self.around.iterdir()} <= {"data", "run"}
        folders = {path.name for path in (self.around / "data").iterdir() if path.is_dir()}
        assert len(folders) == len(self.databases.names())
        for name in self.databases.names():
            assert self.databases.get(name).folder.parent == self.around / "data"

    def changed(self) -> bool:
        database = self.databases.get("atipico") if "atipico" in self.databases.names() else None
        return (
            database is None or len(self.databases.names()) > 1 or database.log.size > 0 or bool(database.readers.all())
        )

    def close(self) -> None:
        self.databases.close()
        shutil.rmtree(self.around)


_stores: list[_Store] = []


def attack(data: bytes) -> None:
    if not _stores:
        _stores.append(_Store())
    store = _stores[0]
    answer = ask(store.app, data.replace(b"wait=", b"wait=0&w="))  # nobody waits here
    assert answer.status in _EXPECTED, answer
    if answer.status >= 400 and answer.body:
        told = orjson.loads(answer.body)
        assert told.get("error") or told.get("message")
        assert answer.status != 503 or int(answer.headers["retry-after"]) >= 1
    store.check()
    if store.changed():
        _stores.pop().close()  # the next one finds a new store
