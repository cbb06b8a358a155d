"""Requests to the classifier: JSON and float64 blocks. A score is a number, a refusal one sentence."""

from __future__ import annotations

import orjson

from atipico.classifier.service import create_app
from atipico.learn.register import register
from atipico.registry.shelf import open_shelf
from atipico.wire.classify import COLUMNS, CONTENT_TYPE, digest, to_scores
from fuzz.folders import scratch
from fuzz.http_text import WORDS as HTTP
from fuzz.http_text import ask
from trained import COLUMNS as NAMES
from trained import small

_BLOCK = f"\nContent-Type: {CONTENT_TYPE}\n{COLUMNS}: {digest(NAMES)}".encode()
WORDS = [
    *HTTP,
    _BLOCK,
    b"POST /classify?model=small",
    b"POST /",
    b"GET /models/small@1",
    b"GET /-/ready",
    b"/openapi.json",
]
WORDS += [b"\nContent-Type: application/json", b'{"rows":[', b'{"amount":1,"speed":2,"heat":3}', bytes(24), b"\xff" * 8]
_EXPECTED = {200, 400, 404, 405, 409, 413, 415, 503}
_MOST = 5000
_folder = scratch()
register(small(), _folder)
_app = create_app(open_shelf(_folder), "small", _MOST)


def attack(data: bytes) -> None:
    answer = ask(_app, data)
    assert answer.status in _EXPECTED, answer
    if answer.status >= 400 and not data.startswith(b"HEAD"):
        assert 0 < len(orjson.loads(answer.body)["error"]) < 2000
    elif answer.headers.get("content-type") == CONTENT_TYPE:
        scores = to_scores(answer.body, len(answer.body) // 8)
        assert all(0 <= score <= 1 or score != score for score in scores)  # no number for a row that has none
    elif "json" in answer.headers.get("content-type", "") and data.startswith(b"POST"):
        told = orjson.loads(answer.body)
        assert all(0 <= score <= 1 for score in told.get("scores", [told.get("score")]))
