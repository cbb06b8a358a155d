"""Stands in front of a part that speaks HTTP, and does to its connections what networks and busy machines do."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from stack.faults.listening import Listening

Mode = str  # "pass" | "cut question" | "cut answer" | "busy" | "late"
BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nbusy\n"
)
_HEAD_END, _PATIENCE_S = b"\r\n\r\n", 120.0


class Fault(NamedTuple):
    """What befalls questions that `befalls` says yes to, by their first line; all others pass."""

    mode: Mode
    befalls: Callable[[bytes], bool] = lambda line: True
    hold_s: float = 30.0


class HttpProxy(Listening):
    """Listens on a port of its own and asks `target` what it is asked, whole messages one after the other.

    done: how often a fault befell a question since the last `set`.
    """

    def __init__(self, target: int, rng: random.Random) -> None:
        self._target, self._rng = target, rng
        self._fault: Fault | None = None
        self.done = 0
        self._over = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(listener.getsockname()[1])
        super().__init__(listener)

    def set(self, fault: Fault | None) -> None:
        """From now on questions meet this fault; None: they pass. What is held of the one before is let go."""
        over, self._over = self._over, threading.Event()
        self._fault, self.done = fault, 0
        over.set()

    def close(self) -> None:
        self.set(None)
        super().close()

    def _serve(self, client: socket.socket) -> None:
        """Deal with one connection until a side ends it; what goes wrong ends it, as a dead server's would."""
        client.settimeout(_PATIENCE_S)
        server: socket.socket | None = None
        with contextlib.suppress(OSError, ValueError), client:
            try:
                while question := _message(client):
                    fault, over = self._fault, self._over
                    if fault is not None and not fault.befalls(question.partition(b"\r\n")[0]):
                        fault = None
                    if fault is not None and fault.mode == "busy":
                        self.done += 1
                        client.sendall(BUSY)
                        continue
                    server = server or socket.create_connection(("127.0.0.1", self._target), timeout=_PATIENCE_S)
                    if fault is not None and fault.mode == "cut question":
                        self.done += 1
                        server.sendall(self._part(question))
                        return
                    server.sendall(question)
                    answer = _message(server)
                    if not answer:
                        return
                    if fault is not None and fault.mode == "cut answer":
                        self.done += 1
                        client.sendall(self._part(answer))
                        return
                    if fault is not None and fault.mode == "late":
                        over.wait(fault.hold_s)
                        self.done += 1
                    client.sendall(answer)
            finally:
                if server is not None:
                    _drop(server)

    def _part(self, message: bytes) -> bytes:
        """A message cut somewhere in its body; in its head where it has none."""
        head = message.index(_HEAD_END) + len(_HEAD_END)
        first, last = (head, len(message) - 1) if len(message) > head + 1 else (1, head - 1)
        return message[: self._rng.randint(first, last)]


def _message(connection: socket.socket) -> bytes:
    """The next whole question or answer; b"" when the far side has ended. Raises OSError, ValueError."""
    data = b""
    while _HEAD_END not in data:
        if not (more := connection.recv(65536)):
            return b""
        data += more
    head, _, _ = data.partition(_HEAD_END)
    size, lines = 0, head.lower().split(b"\r\n")
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            size = int(value)
        if name == b"expect":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if name == b"transfer-encoding":
            raise ValueError(f"{line!r} is not understood here")
    while len(data) < len(head) + len(_HEAD_END) + size:
        if not (more := connection.recv(2**20)):
            return b""
        data += more
    return data


def _drop(connection: socket.socket) -> None:
    """End a connection as a cable that is pulled would: with a reset, whatever was on its way."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Occupant(Listening):
    """Sits on a port that a part wants, and answers "busy", late, or half a head, to whoever asks."""

    def __init__(self, port: int, mode: Mode, hold_s: float = 30.0) -> None:
        """Raises OSError while somebody else has the port."""
        self._mode, self._hold_s, self.done = mode, hold_s, 0
        super().__init__(socket.create_server(("127.0.0.1", port), backlog=64))

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(5.0)
        with contextlib.suppress(OSError), client:
            if not client.recv(65536):
                return
            self.done += 1
            if self._mode == "late":
                self._ended.wait(self._hold_s)
            client.sendall(BUSY[: 20 if self._mode.startswith("cut") else None])
            if self._mode.startswith("cut"):
                _drop(client)


def wait_done(proxy: HttpProxy | Occupant, times: int, within_s: float) -> None:
    """Until the fault befell somebody so many times. Fails when it did not: it would have proved nothing."""
    deadline = time.monotonic() + within_s
    while proxy.done < times:
        assert time.monotonic() < deadline, f"the fault befell {proxy.done} questions, {times} were wanted"
        time.sleep(0.02)
