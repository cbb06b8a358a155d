"""All that a classifier may answer an agent. The input: the two answers, as bytes on the wire, an empty line apart."""

from __future__ import annotations

import http.client
import io
import threading
from typing import Any

import numpy as np

from atipico.errors import AtipicoError
from atipico.scorers.http import HttpScorer, Stopped, Swapped
from atipico.wire.classify import THRESHOLD, VERSION, to_bytes

_INFO = b'{"id":"t@1","columns":["a","b"],"threshold":0.5,"usual":{"a":[0,1],"b":[0,1]}}'
_SCORES = to_bytes(np.array([0.25, 0.5]))
_APART = b"\n--\n"


def _answer(status: str, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


_TOLD = f"{VERSION}: t@1\r\n{THRESHOLD}: 0.5\r\n"
WORDS = [_answer("200 OK", _INFO), _answer("200 OK", _SCORES, _TOLD), _answer("409 Conflict", b'{"error":"x"}'), _APART]
WORDS += [
    _answer("503 Later", b"", "Retry-After: 1\r\n"),
    _answer("500 Oh", b""),
    b"t@2",
    b"Transfer-Encoding: chunked\r\n",
]
WORDS += [_answer("400 Bad", b'{"error":"y"}'), b"null", b'"typical":{"a":1,"b":2}', b"nan", VERSION.encode()]


class _Socket:
    """What a far side sent, from its beginning."""

    def __init__(self, sent: bytes) -> None:
        self._sent = sent

    def makefile(self, *_: Any, **__: Any) -> io.BytesIO:
        return io.BytesIO(self._sent)

    def sendall(self, data: Any) -> None: ...
    def close(self) -> None: ...


class _Scripted(HttpScorer):
    """Gets the answers one after the other, and then none; nobody waits for more."""

    def __init__(self, answers: list[bytes]) -> None:
        self._left, stop = answers, threading.Event()
        super().__init__("http://127.0.0.1:1", "t", 1.0, stop)
        stop.set()

    def _ask(self, *args: Any, **kwargs: Any) -> Any:
        self._connection = http.client.HTTPConnection("127.0.0.1", 1)
        self._connection.sock = _Socket(self._left.pop(0) if self._left else b"")  # type: ignore[assignment]
        return super()._ask(*args, **kwargs)


def attack(data: bytes) -> None:
    scorer = _Scripted(data.split(_APART))
    try:
        scored = scorer.score(np.zeros((2, 2)))
    except (AtipicoError, Stopped, Swapped):
        return
    assert scored.scores.shape == (2,)
    for at, score in enumerate(scored.scores):
        assert np.isfinite(score) or at in scored.refused
