"""A far side for the generator's tests: takes line protocol over HTTP and remembers every point it was sent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from atipico.wire.lines import parse
from atipico.wire.sample import Sample

Answer = tuple[int, dict[str, str], bytes]
TAKEN: Answer = (204, {}, b"")
Identity = tuple[str, tuple[tuple[str, str], ...], int]  # measurement, tags, time


class Recorder:
    """Points by their identity, as a store keeps them: sent again they overwrite themselves.

    judge: what to answer a body of samples with; they are kept when that is 2xx. taken: released
    after a body was kept and before it is answered.
    """

    def __init__(self) -> None:
        self.points: dict[Identity, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.judge: Callable[[list[Sample]], Answer] = lambda samples: TAKEN
        self.taken: Callable[[], None] = lambda: None
        self.port = 0
        self._lock = threading.Lock()

    def take(self, path: str, body: bytes) -> Answer:
        parsed = parse(body, now=1)
        assert not parsed.refused
        if {sample.measurement for sample in parsed.samples} == {"parts"}:
            return TAKEN  # the generator's heartbeat, which no test of its streams is about
        answer = self.judge(parsed.samples)
        with self._lock:
            self.requests.append(path)
            if answer[0] < 300:
                for sample in parsed.samples:
                    key = (sample.measurement, tuple(sorted(sample.tags.items())), sample.time)
                    self.points[key] = dict(sample.fields)
        if answer[0] < 300:
            self.taken()
        return answer

    def all(self) -> dict[Identity, dict[str, Any]]:
        """The points that came until now, while others come."""
        with self._lock:
            return dict(self.points)

    def seen(self, field: str, measurement: str = "payments") -> Counter[Any]:
        """How many points each value of a field came in."""
        with self._lock:
            return Counter(fields[field] for (name, _, _), fields in self.points.items() if name == measurement)

    def times(self, measurement: str = "payments") -> list[int]:
        """The times of a measurement's points, in the order in which they first came."""
        with self._lock:
            return [time for name, _, time in self.points if name == measurement]


@contextmanager
def recording(port: int = 0) -> Iterator[Recorder]:
    """A recorder that listens on a port of 127.0.0.1 while the block runs."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, headers, body = recorder.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
