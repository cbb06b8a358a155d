"""What is wrong with a request, as a status and one sentence; never a stack trace."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from werkzeug.exceptions import HTTPException

from atipico.errors import NotYet, Refused
from atipico.page.names import Unknown

_MOST_NS = 2**63 - 1
_LONGEST = 366 * 24 * 3600 * 10**9


def answer(error: Exception) -> tuple[int, dict[str, str], str]:
    """Status, headers and one sentence."""
    if isinstance(error, Unknown):
        return 404, {}, str(error)
    if isinstance(error, NotYet):
        return 503, {"Retry-After": str(max(1, round(error.retry_after_s)))}, str(error)
    if isinstance(error, Refused):
        return 400, {}, str(error)
    if isinstance(error, HTTPException):
        return error.code or 500, {}, str(error.description) if error.code == 429 else error.name
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    return 500, {}, "the page failed on this request; its log has the reason"


def text(given: Mapping[str, str], name: str) -> str:
    """A parameter that has to be there. Raises Refused."""
    value = given.get(name, "")
    if not value or len(value) > 256:
        raise Refused(f"{name}={value[:40]!r}: a text of 1 to 256 characters was needed")
    return value


def number(given: Mapping[str, str], name: str, lowest: int, highest: int, default: int | None = None) -> int:
    """A whole number from lowest to highest. Raises Refused."""
    value = given.get(name)
    if value is None and default is not None:
        return default
    if value is None or not re.fullmatch(r"\d{1,19}", value) or not lowest <= int(value) <= highest:
        raise Refused(f"{name}={(value or '')[:40]!r}: a whole number from {lowest} to {highest} was needed")
    return int(value)


def span(given: Mapping[str, str], now: int) -> tuple[int, int]:
    """The range of a request: `from` and `to` (ns), or the last `last` seconds. Raises Refused."""
    if "last" in given:
        return now - number(given, "last", 1, _LONGEST // 10**9) * 10**9, now
    start, stop = number(given, "from", 0, _MOST_NS), number(given, "to", 0, _MOST_NS)
    if not 0 < stop - start <= _LONGEST:
        raise Refused(f"from={start}, to={stop}: `to` has to be later, by a year at most")
    return start, stop
