"""A WSGI application served by this very process: one pid a part, bounded bodies, checked Host header."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any

from granian.server.mt import MTServer

from atipico.errors import Refused

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _OneProcess(MTServer):  # type: ignore[misc]
    """Granian's threaded server on a Python with a GIL.

    Its usual server forks a worker, so that a part would have two pids and the death of one
    would leave the other holding the port. The threads share the GIL here, which costs nothing:
    each part runs one worker.
    """

    stopping: Callable[[], object] = staticmethod(lambda: None)

    def _check_gil(self) -> None: ...

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Told to stop: requests that wait for something are told first, because the server waits for them."""
        self.stopping()
        super().signal_handler_interrupt(*args, **kwargs)


def local_hosts_only(app: WSGI, host: str) -> WSGI:
    """Refuse requests whose Host header is no loopback name (DNS rebinding), when bound to loopback."""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return app

    def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        name = environ.get("HTTP_HOST", "localhost").rsplit(":", 1)[0].strip("[]")
        if name != "localhost" and not _is_loopback(name):
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"error":"this service answers on loopback only; Host header is another name"}\n']
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
    part: str, app: WSGI, host: str, port: int, threads: int, stopping: Callable[[], object] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT; `stopping` is called first then. Raises Refused when the port is taken."""
    refuse_busy_port(part, host, port)
    logging.getLogger("_granian").setLevel(logging.ERROR)
    server = _OneProcess(
        part, address=host, port=port, interface="wsgi", workers=1, blocking_threads=threads, backpressure=256
    )
    server.stopping = stopping
    server.serve(target_loader=lambda: local_hosts_only(app, host), wrap_loader=False)
