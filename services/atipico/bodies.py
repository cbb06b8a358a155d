"""A request's body is taken in before the request is worked on, so that one that comes slowly holds nobody up."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable
from typing import Any

_PIECE = 256 * 1024  # bytes
_AT_MOST = 8  # bodies of the largest size in memory at once, before their requests are worked on
_FULL = b'{"error":"too many bodies come in at once; send this one again a little later"}\n'
_WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def bodies_first(app: _WSGI, most: int, at_once: int) -> _WSGI:
    """Hand requests to `app` with their bodies read; `at_once` are worked on at a time, others wait for their turn.

    most: bytes of a body; one that tells of more is not read. A body is counted by what has come of it, not by what it
    told; where all that have come fill the memory that they may, 503 is answered with Retry-After.
    """
    working, room = threading.BoundedSemaphore(at_once), _Room(_AT_MOST * most)

    def taken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with room.share() as share:
            if (body := _body(environ, most, share)) is None:
                start_response("503 Service Unavailable", [("Content-Type", "application/json"), ("Retry-After", "1")])
                return [_FULL]
            environ["wsgi.input"] = io.BytesIO(body)
            with working:
                return app(environ, start_response)

    return taken


class _Room:
    """Bytes that are left for bodies; any thread may take a share."""

    def __init__(self, left: int) -> None:
        self.left, self.lock = left, threading.Lock()

    def share(self) -> _Share:
        return _Share(self)


class _Share:
    """What one body takes of the room, given back behind `with`."""

    def __init__(self, room: _Room) -> None:
        self._room, self._taken = room, 0

    def more(self, size: int) -> bool:
        """Take some bytes more; False when there is no room for them."""
        with self._room.lock:
            if self._room.left < size:
                return False
            self._room.left -= size
            self._taken += size
            return True

    def __enter__(self) -> _Share:
        return self

    def __exit__(self, *_: object) -> None:
        with self._room.lock:
            self._room.left += self._taken


def _body(environ: dict[str, Any], most: int, share: _Share) -> bytes | None:
    """What came of the body; None when there was no room for it."""
    told = environ.get("CONTENT_LENGTH")
    if not told and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    wanted = int(told) if told and told.isdecimal() else most + 1
    if told and wanted > most:
        return b""  # the application refuses it by what was told
    pieces: list[bytes] = []
    while wanted and (piece := environ["wsgi.input"].read(min(wanted, _PIECE))):
        if not share.more(len(piece)):
            return None
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)
