"""What is wrong with a request, as a status and one sentence; never a stack trace."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from werkzeug.exceptions import HTTPException

from atipico.errors import NotYet, Refused
from atipico.metrics import REFUSED
from atipico.registry.shelf import UnknownModel

JSON = ("Content-Type", "application/json")


class Problem(Refused):
    """A request that will never be answered, with its own status."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


def too_large(length: int | None, most: int) -> Problem:
    """413: the body is longer than what is taken."""
    size = "a body" if length is None else f"a body of {length} bytes"
    return Problem(413, "too large", f"{size} is too large, at most {most} bytes are taken; send fewer rows a request")


def answer(error: Exception) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body for whatever went wrong; counted by reason."""
    status, reason, headers = 500, "broken", [JSON]
    text = "the classifier failed on this request; its log has the reason"
    if isinstance(error, Problem):
        status, reason, text = error.status, error.reason, str(error)
    elif isinstance(error, UnknownModel):
        status, reason, text = 404, "unknown model", str(error)
    elif isinstance(error, NotYet):
        status, reason, text = 503, "not ready", str(error)
        headers.append(("Retry-After", str(max(1, round(error.retry_after_s)))))
    elif isinstance(error, Refused):
        status, reason, text = 400, "bad input", str(error)
    elif isinstance(error, HTTPException):
        status, reason = error.code or 500, "no route"
        text = error.name + {404: "; the routes stand in /openapi.json", 405: "; see the header Allow"}.get(status, "")
        headers += [(name, value) for name, value in error.get_headers() if name == "Allow"]
    else:
        logging.getLogger(__name__).error("a request failed", exc_info=error)
    REFUSED.labels(reason).inc()
    return status, headers, orjson.dumps({"error": text}) + b"\n"


def checked_type(found: Any, needed: str) -> None:
    """Raises a Problem (415) for another content type than the needed one."""
    if str(found or "").partition(";")[0].strip().lower() != needed:
        raise Problem(415, "content type", f"Content-Type is {found or 'missing'!r}, {needed} was needed")
