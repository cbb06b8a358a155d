"""What all that stands between two parts does: it listens, and deals with each connection in a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import threading


class Listening:
    """Has `_serve` deal with each connection, until `close`."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener, self._ended = listener, threading.Event()
        threading.Thread(target=self._accept, name=type(self).__name__, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError
