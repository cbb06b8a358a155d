"""Connections on which nothing was answered for a minute are ended: of a request that never ends, or of nobody.

Granian ends a connection whose head does not come, but waits for ever for a body. What the kernel knows of each
socket tells which those are. One that waits for a log to grow, or for events, is answered sooner than that.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Iterator

LONGEST_S = 60.0
_LAST_SENT = struct.Struct("=44xI")  # of struct tcp_info: ms since the last data was sent


def end_silent(port: int) -> None:
    """Look after the connections to a port of this process from a daemon thread. Does nothing but on Linux."""
    if not hasattr(socket, "TCP_INFO") or not os.path.isdir("/proc/self/fd"):
        return
    threading.Thread(target=look, args=(port, LONGEST_S, threading.Event()), name="connections", daemon=True).start()


def look(port: int, longest_s: float, over: threading.Event) -> None:
    """End the connections to a port of this process that were silent for so long, until `over` is set."""
    while not over.wait(longest_s / 10):
        for connection in _connections(port):
            with connection, contextlib.suppress(OSError):
                (silent_ms,) = _LAST_SENT.unpack(
                    connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_SENT.size)
                )
                if silent_ms > 1000 * longest_s:
                    connection.shutdown(socket.SHUT_RDWR)


def _connections(port: int) -> Iterator[socket.socket]:
    """This process's connections to the port, each as a descriptor of its own, so that it can't become another's."""
    try:
        names = os.listdir("/proc/self/fd")
    except OSError:  # all descriptors are in use: the next look may find one to look by
        return
    for name in names:
        with contextlib.suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            connection = socket.socket(fileno=os.dup(int(name)))
            if _is_to(connection, port):
                yield connection
            else:
                connection.close()


def _is_to(connection: socket.socket, port: int) -> bool:
    try:
        return connection.family in (socket.AF_INET, socket.AF_INET6) and bool(
            connection.getsockname()[1] == port and connection.getpeername()
        )
    except OSError:
        return False
