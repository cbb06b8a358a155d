"""A far side for webhooks: takes outcomes, or alerts, over HTTP and remembers them in the order in which they came."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

Answer = tuple[int, dict[str, str]]
TAKEN: Answer = (204, {})


class Receiver:
    """judge: how a request's outcomes, or its one alert, are answered; they are kept when that is 2xx."""

    def __init__(self) -> None:
        self.outcomes: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.judge: Callable[[list[dict[str, Any]]], Answer] = lambda outcomes: TAKEN
        self.url = ""
        self._lock = threading.Lock()

    def ids(self) -> list[str]:
        with self._lock:
            return [outcome["id"] for outcome in self.outcomes]

    def take(self, body: bytes, headers: dict[str, str]) -> Answer:
        said = orjson.loads(body)
        outcomes = said.get("outcomes", [said])
        answer = self.judge(outcomes)
        with self._lock:
            self.headers.append(headers)
            if answer[0] < 300:
                self.outcomes += outcomes
        return answer


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens on a port of 127.0.0.1 while the block runs."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.take(body, dict(self.headers))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/in"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
