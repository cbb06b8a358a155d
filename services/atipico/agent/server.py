"""The agent's Unix socket: one session a connection, none of which can end the agent."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import structlog

from atipico.agent.session import Open, Session
from atipico.errors import Refused

log = structlog.get_logger("agent")

_MOST_CONNECTIONS = 64
_AGAIN_S = 0.5


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, for this user only. A stale file that nobody answers on is removed.

    Raises Refused when another agent answers there or the path can't be bound.
    """
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
            else:
                raise Refused(f"agent: another one listens on {path} already; end it or give another --socket")
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise Refused(f"agent: socket {path} can't be made: {error}") from error
    path.chmod(0o600)
    listener.listen(_MOST_CONNECTIONS)
    return listener


def serve(listener: socket.socket, open_work: Open) -> None:
    """Accept connections until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
            threading.Thread(target=Session(connection, open_work).run, name="session", daemon=True).start()
        except (OSError, RuntimeError) as error:  # no file descriptor or thread is free
            if listener.fileno() < 0:
                return
            log.error("connection not taken, tries again", error=str(error))
            time.sleep(_AGAIN_S)
