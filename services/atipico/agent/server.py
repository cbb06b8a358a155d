"""The agent's Unix socket: one session a connection, none of which can end the agent."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import structlog

from atipico.agent.batches import Batches
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


class Sessions:
    """The connections that are served."""

    def __init__(self) -> None:
        self._running: dict[Session, threading.Thread] = {}
        self._beginning = threading.Lock()

    def begin(self, session: Session) -> None:
        """Serve a connection in a thread of its own. Raises RuntimeError when none is to be had."""
        thread = threading.Thread(target=session.run, name="session", daemon=True)
        thread.start()
        with self._beginning:
            alive = {session: thread for session, thread in self._running.items() if thread.is_alive()}
            self._running = {**alive, session: thread}

    def drain(self, within_s: float) -> int:
        """Let every session answer what came in and end. Returns how many points are without an answer after that."""
        deadline, running = time.monotonic() + within_s, self._running
        for session in running:
            session.drain()
        for thread in running.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        return sum(session.unanswered for session in running)


def serve(listener: socket.socket, open_work: Open, sessions: Sessions | None = None, of_batches: bool = False) -> None:
    """Accept connections until the listener is closed. of_batches: those of batch tasks."""
    sessions = sessions or Sessions()
    while True:
        try:
            connection, _ = listener.accept()
            sessions.begin(Session(connection, open_work, Batches() if of_batches else None))
        except (OSError, RuntimeError) as error:  # no file descriptor or thread is free
            if listener.fileno() < 0:
                return
            log.error("connection not taken, tries again", error=str(error))
            time.sleep(_AGAIN_S)
