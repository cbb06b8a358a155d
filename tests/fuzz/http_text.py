"""A request as text, to read in a corpus: first line, headers, an empty line, body; and handed to an application."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

WORDS = [b"GET /", b"POST /", b"HEAD /", b"DELETE /", b"OPTIONS /", b"\nContent-Type: ", b"\nContent-Length: ", b"\n\n"]
WORDS += [b"\nHost: evil.example", b"\nOrigin: http://evil.example", b"\nOrigin: null", b"\nX-Request-ID: ", b"%00"]
WORDS += [b"\nAuthorization: Token ", b"\nAuthorization: Basic ", b"../", b"%2e%2e%2f", b"&", b"?", b"=", b"%", b"%ff"]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def environ(data: bytes) -> dict[str, Any]:
    """What a server makes of a request; a line without a colon is no header."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    line = first.decode(errors="replace").encode()  # a server answers 400 itself to a line that is not UTF-8
    method, _, target = line.decode("latin-1").partition(" ")
    path, _, query = target.partition("?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": method or "GET",
        "PATH_INFO": unquote_to_bytes("/" + path.lstrip("/")).decode("latin-1"),
        "QUERY_STRING": query,
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon and name.replace("-", "").isalnum():
            key = name.upper().replace("-", "_")
            if key == "TRANSFER_ENCODING":  # no length is told then, and the server finds the end
                made |= {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
            made[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value.strip()
    return made


def ask(app: Callable[..., Any], data: bytes, most_chunks: int = 1000) -> Answer:
    """The answer to a request. most_chunks: of a body that never ends, so many are read."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = app(environ(data), lambda status, headers, *_: started.append((status, headers)))
    try:
        chunks = [chunk for chunk, _ in zip(body, range(most_chunks), strict=False)]
    finally:
        if close := getattr(body, "close", None):
            close()
    [(status, headers)] = started
    for name, value in headers:
        assert not {"\r", "\n", "\0"} & set(name + value), f"header {name} carries a line of its own"
    return Answer(int(status[:3]), {name.lower(): value for name, value in headers}, b"".join(chunks))
