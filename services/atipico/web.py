"""A WSGI application served by this very process: one pid a part, bounded bodies, checked Host header."""

from __future__ import annotations

import ipaddress
import os
import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import make_wsgi_app

from atipico import logs, tls
from atipico.at_work import at_work
from atipico.bodies import bodies_first
from atipico.connections import end_silent
from atipico.errors import Refused

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_REQUEST_ID = "HTTP_" + logs.REQUEST_ID.upper().replace("-", "_")
# What Granian says of its start, the part says in its own way; the rest goes where all of Python's logging goes.
_LOGGING = {
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}},
}
_CONNECTIONS = 512  # at once; what comes beyond waits to be accepted
_METRICS_CONNECTIONS = 16
_HEAD_S = 30  # for a request's head to come, and for the next request on a connection that is kept
_say = structlog.get_logger("web")


def local_hosts_only(app: WSGI, host: str) -> WSGI:
    """Refuse requests whose Host header is no loopback name (DNS rebinding), when bound to loopback.

    ATIPICO_HOSTS, names with commas between, may be asked for too; where it is set, a service that is bound elsewhere
    refuses other names as well.
    """
    known = os.environ.get("ATIPICO_HOSTS", "").replace(",", " ").lower().split()
    if not known and host not in ("localhost", "::1") and not host.startswith("127."):
        return app

    def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name = environ.get("HTTP_HOST", "localhost").rsplit(":", 1)[0].strip("[]")
        if name.lower() not in ("localhost", *known) and not _is_loopback(name):
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"error":"this service answers by loopback names and those of ATIPICO_HOSTS; Host is another"}\n']
        return app(environ, start_response)

    return checked


class Inside:
    """Counts the requests that an application is dealing with."""

    def __init__(self, app: WSGI) -> None:
        self._app, self.requests, self._lock = app, 0, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            self.requests += 1
        try:
            with at_work(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"):
                return self._app(environ, start_response)
        finally:
            with self._lock:
                self.requests -= 1


def is_of(origin: str, host: str | None) -> bool:
    """Whether an Origin is that of a page of this host; one that is no address is that of another."""
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def own_pages_only(app: WSGI, visited: bool) -> WSGI:
    """Refuse what a browser asks for a page of another site; `visited`: links from there may lead here.

    Programs send neither header. A browser sets both by itself, and no page can change them.
    """

    def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
        if site is not None:
            link = visited and environ["REQUEST_METHOD"] == "GET" and environ.get("HTTP_SEC_FETCH_DEST") == "document"
            ours = link or site in ("same-origin", "none")
        else:
            ours = origin is None or is_of(origin, environ.get("HTTP_HOST"))
        if not ours:
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"error":"a page of another site asks; this service answers its own pages and programs"}\n']
        return app(environ, start_response)

    return checked


def with_request_id(app: WSGI) -> WSGI:
    """Deal with each request under the id it brought, or a new one, and answer with it."""

    def named(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = environ.get(_REQUEST_ID, "")
        id = given if logs.acceptable(given) else os.urandom(8).hex()

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            _say.debug("answered", method=environ["REQUEST_METHOD"], path=environ["PATH_INFO"], status=int(status[:3]))
            return start_response(status, [*headers, (logs.REQUEST_ID, id)], *rest)

        with logs.about(id):
            return app(environ, start)

    return named


def whole_bodies_only(app: WSGI) -> WSGI:
    """Let a body that is shorter than its Content-Length fail where it is read, as 400, instead of ending early.

    Granian says of every body that it ends by itself, also when its connection was cut.
    """

    def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        return app(environ, start_response)

    return checked


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refuse_busy_port(part: str, host: str, port: int) -> None:
    """Raises Refused with the cure when something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refused(
                f"{part}: {host}:{port} is taken ({error.strerror}); stop what listens there "
                f"or set ATIPICO_{part.upper()}_PORT to a free port"
            ) from error


def serve(
    part: str,
    app: WSGI,
    host: str,
    port: int,
    threads: int,
    stopping: Callable[[], object] = lambda: None,
    body: int = 2**20,
    visited: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT; `stopping` is called first then, and requests get some seconds to end.

    threads: requests that are worked on at once. body: bytes of the largest one. visited: whether people come by links.
    Returns how many did not end, and are given up. Raises Refused when the port is taken.
    """
    from granian.http import HTTP1Settings

    from atipico.one_process import OneProcess

    refuse_busy_port(part, host, port)
    proof = tls.files()
    server = OneProcess(
        part,
        address=host,
        port=port,
        interface="wsgi",
        workers=1,
        http="1",  # so that a connection that says nothing is ended too
        http1_settings=HTTP1Settings(header_read_timeout=1000 * _HEAD_S),
        blocking_threads=_CONNECTIONS,  # made when they are needed: a body that comes slowly holds one
        backpressure=_CONNECTIONS,
        log_level="error",
        log_dictconfig=_LOGGING,
        ssl_cert=proof and proof.cert,
        ssl_key=proof and proof.key,
    )
    server.stopping = stopping
    inside = Inside(whole_bodies_only(app))
    bounded = with_request_id(bodies_first(inside, body, threads))
    served = local_hosts_only(own_pages_only(bounded, visited), host)
    end_silent(port)
    _say.info("listens", host=host, port=port, tls=proof is not None)
    server.serve(target_loader=lambda: served, wrap_loader=False)
    return inside.requests


def serve_metrics(part: str, port: int) -> None:
    """Answer /metrics on 127.0.0.1:`port` from a daemon thread, for a part without a server of its own; 0: nowhere.

    A port that is taken is told and no reason to end: the part's own work needs none.
    """
    if not port:
        return
    app = local_hosts_only(own_pages_only(make_wsgi_app(), visited=False), "127.0.0.1")
    try:
        server = make_server("127.0.0.1", port, app, server_class=_MetricsServer, handler_class=_Quiet)
    except OSError as error:
        cure = f"set ATIPICO_{part.upper()}_METRICS_PORT to a free port, or to 0 for none"
        _say.warning("no /metrics, the port is taken", port=port, why=error.strerror, cure=cure)
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _MetricsServer(ThreadingMixIn, WSGIServer):
    """Some connections at once; one beyond is closed, because each has a thread."""

    daemon_threads = True
    request_queue_size = socket.SOMAXCONN  # one that finds no place in it tries again after a second

    def __init__(self, *given: Any) -> None:
        self._room = threading.BoundedSemaphore(_METRICS_CONNECTIONS)
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks the resolver for a name, which may take seconds
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    timeout = 10.0  # s; who connects and asks nothing

    def log_message(self, format: str, *args: Any) -> None: ...
