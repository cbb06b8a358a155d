"""Far sides that do as they are told: a classifier whose answers a test writes, a host's end of the agent's socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import orjson

from atipico.wire import classify
from atipico.wire.frames import Splitter, frame, point_frames, point_of
from atipico.wire.udf_pb2 import Request, Response

Answer = tuple[int, bytes, dict[str, str]]


class ScriptedClassifier:
    """A real HTTP server in front of `script(rows) -> scores | (status, body, headers)`."""

    def __init__(self, columns: Sequence[str], script: Callable[[np.ndarray], Any]) -> None:
        self.columns, self.script, self.version, self.asked = tuple(columns), script, "test@1", 0
        self.ready = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith("/-/ready"):
                    self.reply(200 if outer.ready else 503, b"{}", {})
                    return
                usual = {name: [0.0, 1.0] for name in outer.columns}
                told = {"id": outer.version, "columns": outer.columns, "threshold": 0.5, "usual": usual}
                self.reply(200, orjson.dumps(told), {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                if self.headers[classify.COLUMNS] != classify.digest(outer.columns):
                    self.reply(409, b'{"error":"other columns"}', {})
                    return
                got = outer.script(classify.to_rows(body, len(outer.columns)))
                if isinstance(got, tuple):
                    self.reply(*got)
                else:
                    headers = {classify.VERSION: outer.version, classify.THRESHOLD: "0.5"}
                    self.reply(200, classify.to_bytes(np.asarray(got, dtype=float)), headers)

            def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Host:
    """The host's end of a connection to an agent."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket, self._splitter = connection, Splitter()
        self._messages: list[bytes] = []
        connection.settimeout(20)

    def send(self, **message: Any) -> None:
        self.socket.sendall(frame(Request(**message).SerializeToString()))

    def points(self, points: Sequence[bytes]) -> None:
        self.socket.sendall(point_frames(points))

    def init(self, **options: str) -> Response:
        given = [{"name": k, "values": [{"type": "STRING", "stringValue": v}]} for k, v in options.items()]
        self.send(init={"options": given, "taskID": "test"})
        return self.next()

    def next(self) -> Response:
        """The next message. Raises EOFError when the agent closed the connection."""
        return Response.FromString(self._next())

    def answers(self, count: int) -> list[bytes]:
        """The next `count` messages, which must be points."""
        found = []
        for _ in range(count):
            point = point_of(self._next())
            assert point is not None
            found.append(point)
        return found

    def _next(self) -> bytes:
        while not self._messages:
            data = self.socket.recv(2**20)
            if not data:
                raise EOFError("the agent closed the connection")
            self._messages = self._splitter.feed(data)
        return self._messages.pop(0)
