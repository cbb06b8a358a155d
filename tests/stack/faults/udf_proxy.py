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
from stack.faults.listening import Listening

TO_AGENT, TO_HOST = "to the agent", "to the host"


class Fault(NamedTuple):
    """mode: "cut", "busy", "late". way: TO_AGENT or TO_HOST; a busy agent answers whatever it is told."""

    mode: str
    way: str
    hold_s: float = 30.0


class UdfProxy(Listening):
    """Listens at `path` and carries bytes to and from the agent at `target`.

    done: how often a fault befell somebody since the last `set`.
    """

    def __init__(self, path: Path, target: Path, rng: random.Random) -> None:
        self._target, self._rng, self.path = target, rng, path
        self._fault: Fault | None = None
        self.done = 0
        self._over = threading.Event()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(64)
        super().__init__(listener)

    def set(self, fault: Fault | None) -> None:
        """From now on what is said meets this fault; None: it passes. What is held of the one before is let go."""
        over, self._over = self._over, threading.Event()
        self._fault, self.done = fault, 0
        over.set()

    def close(self) -> None:
        self.set(None)
        super().close()
        self.path.unlink(missing_ok=True)

    def _serve(self, client: socket.socket) -> None:
        agent = socket.socket(socket.AF_UNIX)
        try:
            agent.connect(str(self._target))
        except OSError:
            agent.close()
            client.close()
            return
        threading.Thread(target=self._carry, args=(client, agent, TO_AGENT), daemon=True).start()
        self._carry(agent, client, TO_HOST)

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
