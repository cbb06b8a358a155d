"""What waits to be written to a connection, so that whoever reads from it never waits for a write."""

from __future__ import annotations

import socket
import threading

from atipico.at_work import waiting


class Outbox:
    """A thread of its own writes to the socket; `put` returns at once, `put_bounded` waits for room."""

    def __init__(self, connection: socket.socket, most_bytes: int) -> None:
        self._connection, self._most = connection, most_bytes
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def put(self, data: bytes) -> None:
        """Queue bytes, whatever waits already: for the few and small (keepalives, errors)."""
        with self._changed:
            self._waiting.append(data)
            self._bytes += len(data)
            self._changed.notify_all()

    def put_bounded(self, data: bytes) -> None:
        """Queue bytes once there is room. Raises ConnectionError when the far side is gone."""
        with waiting(), self._changed:
            while self._bytes > self._most and not self._ended:
                self._changed.wait()
            if self._ended:
                raise ConnectionError("the far side of the socket is gone")
        self.put(data)

    def end(self) -> None:
        """Write what waits, then stop."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    return
                data, self._waiting = b"".join(self._waiting), []
            try:
                self._connection.sendall(data)
            except OSError:
                self._give_up()
                continue
            with self._changed:
                self._bytes -= len(data)
                self._changed.notify_all()

    def _give_up(self) -> None:
        """The far side is gone: what waits has nobody to go to."""
        with self._changed:
            self._ended, self._waiting, self._bytes = True, [], 0
            self._changed.notify_all()
