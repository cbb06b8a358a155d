"""Stands on a Unix socket between the host and the agent, and cuts, holds or refuses what they say."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from pathlib import Path
from typing import NamedTuple

from atipico.wire.frames import frame
from atipico.wire.udf_pb2 import Response

TO_AGENT, TO_HOST = "to the agent", "to the host"


class Fault(NamedTuple):
    """mode: "cut", "busy", "late". way: TO_AGENT or TO_HOST; a busy agent answers whatever it is told."""

    mode: str
    way: str
    hold_s: float = 30.0


class UdfProxy:
    """Listens at `path` and carries bytes to and from the agent at `target`.

    done: how often a fault befell somebody since the last `set`.
    """

    def __init__(self, path: Path, target: Path, rng: random.Random) -> None:
        self._target, self._rng, self.path = target, rng, path
        self._fault: Fault | None = None
        self.done = 0
        self._ended, self._over = threading.Event(), threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, name="udf proxy", daemon=True).start()

    def set(self, fault: Fault | None) -> None:
        """From now on what is said meets this fault; None: it passes. What is held of the one before is let go."""
        over, self._over = self._over, threading.Event()
        self._fault, self.done = fault, 0
        over.set()

    def close(self) -> None:
        self.set(None)
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                host, _ = self._listener.accept()
            except OSError:
                return
            agent = socket.socket(socket.AF_UNIX)
            try:
                agent.connect(str(self._target))
            except OSError:
                agent.close()
                host.close()
                continue
            for ends in ((host, agent, TO_AGENT), (agent, host, TO_HOST)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, way: str) -> None:
        """Carry what one says to the other until either ends; then both ends are told."""
        with contextlib.suppress(OSError):
            while data := one.recv(2**20):
                fault, over = self._fault, self._over
                if fault is not None and fault.mode == "busy" and way == TO_AGENT:
                    self.done += 1
                    one.sendall(frame(Response(error={"error": "busy, says the test"}).SerializeToString()))
                    break
                if fault is not None and fault.way == way and fault.mode == "cut":
                    self.done += 1
                    other.sendall(data[: self._rng.randint(len(data) // 2, len(data) - 1)])
                    break
                if fault is not None and fault.way == way and fault.mode == "late":
                    over.wait(fault.hold_s)
                    self.done += 1
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
