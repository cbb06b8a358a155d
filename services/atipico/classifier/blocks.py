"""The hot path: POST /classify with a float64 block is answered here, before Flask.

Flask costs 100 to 150 µs a request and a block of 43 rows is scored in 45 µs, so the chain's own requests do not
pass through it. Everything else does, also what goes wrong here: same sentences, same counters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from atipico.classifier.problems import Problem, answer, too_large
from atipico.metrics import SAMPLES_IN, SAMPLES_OUT
from atipico.registry.models import Model
from atipico.registry.shelf import Shelf
from atipico.web import WSGI
from atipico.wire.classify import COLUMNS, CONTENT_TYPE, THRESHOLD, VERSION, to_bytes, to_rows

_COLUMNS = "HTTP_" + COLUMNS.upper().replace("-", "_")


class Blocks:
    """WSGI: answers float64 blocks and hands every other request to `app`."""

    def __init__(self, app: WSGI, shelf: Shelf, default: str, most: int) -> None:
        self._app, self._shelf, self._default, self._most = app, shelf, default, most

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if (
            environ.get("CONTENT_TYPE") != CONTENT_TYPE
            or environ["PATH_INFO"] != "/classify"
            or environ["REQUEST_METHOD"] != "POST"
        ):
            return self._app(environ, start_response)
        try:
            status, headers, body = 200, *self._scores(environ)
        except Exception as error:
            status, headers, body = answer(error)
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    def _scores(self, environ: dict[str, Any]) -> tuple[list[tuple[str, str]], bytes]:
        model = self._shelf.get(named(environ.get("QUERY_STRING", "")) or self._default)
        body = read_body(environ, self._most)
        _check_columns(environ.get(_COLUMNS), model)
        rows = to_rows(body, len(model.columns))
        SAMPLES_IN.labels(model.id).inc(len(rows))
        scores = to_bytes(model.score(rows))
        SAMPLES_OUT.labels(model.id).inc(len(rows))
        headers = [("Content-Type", CONTENT_TYPE), (THRESHOLD, repr(model.threshold)), (VERSION, model.id)]
        return headers, scores


def named(query: str) -> str | None:
    """The model that a query string names."""
    return parse_qs(query).get("model", [None])[0] if query else None


def read_body(environ: dict[str, Any], most: int) -> bytes:
    """The body of a request, with or without its length told.

    Raises a Problem past `most` bytes (413), and for a body that ends before its told length (400).
    """
    told = environ.get("CONTENT_LENGTH")
    length = int(told) if told and told.isdecimal() else None
    if length is not None and length > most:
        raise too_large(length, most)
    body: bytes = environ["wsgi.input"].read(most + 1 if length is None else length)
    if len(body) > most:
        raise too_large(None, most)
    if length is not None and len(body) < length:
        raise Problem(400, "bad input", f"the body ended after {len(body)} of {length} bytes; send it again")
    return body


def _check_columns(found: str | None, model: Model) -> None:
    if found == model.digest:
        return
    cure = f"GET /models/{model.id} tells its columns and their digest"
    if found is None:
        raise Problem(400, "bad input", f"header {COLUMNS} is missing: a block has no names of its own; {cure}")
    raise Problem(
        409, "columns differ", f"header {COLUMNS} is {found[:32]!r}, model {model.id} has {model.digest!r}; {cure}"
    )
