"""The store as the page needs it: statements go to `/query`, series come back."""

from __future__ import annotations

import http.client
import threading
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import orjson

from atipico import tls
from atipico.at_work import waiting
from atipico.errors import NotYet, Refused
from atipico.store_access import CURE, StoreAccess
from atipico.wire.influxql import write
from atipico.wire.influxql.tree import Statement

_SHOWN = 300


class Series(NamedTuple):
    """Rows that share a measurement and tags; the columns' names stand beside them, times are ns."""

    name: str
    tags: dict[str, str]
    columns: list[str]
    values: list[list[Any]]

    def column(self, name: str) -> list[Any]:
        """One column; nothing but None where the series lacks it."""
        if name not in self.columns:
            return [None] * len(self.values)
        at = self.columns.index(name)
        return [row[at] for row in self.values]

    def rows(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.values]


class Influx:
    """Asks a store of InfluxDB 1.x's kind. One kept connection a thread."""

    def __init__(self, store: StoreAccess, database: str, timeout_s: float) -> None:
        parts = urlsplit(store.url)
        self.url, self._database, self._timeout_s = store.url, database, timeout_s
        self._secure = parts.scheme == "https"
        self._host, self._path = parts.netloc.rpartition("@")[2], parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/x-www-form-urlencoded", **store.login.headers()}
        self._local = threading.local()

    def ask(self, *statements: Statement) -> list[list[Series]]:
        """The series of each statement, in their order. Raises NotYet when the store is down, Refused when it won't."""
        if not statements:
            return []
        q = "; ".join(map(write, statements))
        answer, data = self._post(urlencode({"db": self._database, "epoch": "ns", "q": q}))
        told = f"store at {self.url} answered {answer.status}: {data[:_SHOWN].decode(errors='replace').strip()}"
        if answer.status >= 500 or answer.status in (408, 429):
            raise NotYet(told)
        if answer.status in (401, 403):
            raise Refused(f"{told}; {CURE}")
        if answer.status != 200:
            raise Refused(told)
        try:
            results = orjson.loads(data)["results"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Refused(f"what answers at {self.url} is no InfluxDB of version 1: {data[:80]!r}") from error
        return [self._series(result) for result in results]

    def one(self, statement: Statement) -> list[Series]:
        return self.ask(statement)[0]

    def _series(self, result: dict[str, Any]) -> list[Series]:
        if error := result.get("error"):
            if "not found" in error:  # the database or a measurement is made a little later
                return []
            raise Refused(f"store at {self.url}: {error}")
        return [
            Series(s.get("name", ""), s.get("tags") or {}, s["columns"], s.get("values") or [])
            for s in result.get("series", [])
        ]

    def _post(self, body: str) -> tuple[http.client.HTTPResponse, bytes]:
        """One try more when a kept connection turns out to be closed: reading twice does no harm."""
        kept = getattr(self._local, "connection", None)
        try:
            return self._send(kept or self._connect(), body)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            if kept is None or isinstance(error, TimeoutError):
                raise self._down(error) from error
        try:
            return self._send(self._connect(), body)
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            raise self._down(error) from error

    def _send(self, connection: http.client.HTTPConnection, body: str) -> tuple[http.client.HTTPResponse, bytes]:
        with waiting():
            connection.request("POST", f"{self._path}/query", body, self._headers)
            answer = connection.getresponse()
            return answer, answer.read()

    def _connect(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self._secure:
            connection = http.client.HTTPSConnection(self._host, timeout=self._timeout_s, context=tls.context())
        else:
            connection = http.client.HTTPConnection(self._host, timeout=self._timeout_s)
        self._local.connection = connection
        return connection

    def _drop(self) -> None:
        if (connection := getattr(self._local, "connection", None)) is not None:
            connection.close()
        self._local.connection = None

    def _down(self, error: Exception) -> NotYet:
        if isinstance(error, TimeoutError):
            return NotYet(f"store at {self.url}: no answer in {self._timeout_s:g} s; is it busy?")
        return NotYet(f"store at {self.url}: {error or type(error).__name__}; is it up?")
