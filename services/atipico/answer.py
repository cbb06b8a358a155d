"""What a service answered over HTTP, as an error of ours that says whether to try again."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from atipico.errors import NotYet, Refused

_LATER = (408, 425, 429)
_SHOWN = 1000  # characters of an answer that an error repeats


class Answered(Refused):
    """The service said no. status: HTTP's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def checked(answer: requests.Response, where: str, who_asks: str) -> requests.Response:
    """An answer with 2xx. Raises NotYet when the same request may work later, else Answered.

    where: who answered. who_asks: what to do when it does not know who asks, or will not answer that one.
    """
    if answer.ok:
        return answer
    told = f"{where} answered {answer.status_code}: {_said(answer)}"
    if answer.status_code >= 500 or answer.status_code in _LATER:
        after = answer.headers.get("Retry-After", "")
        raise NotYet(told, float(after) if after.isdecimal() else 1.0)
    if answer.status_code in (401, 403):
        told += f"; {who_asks}"
    raise Answered(told, answer.status_code)


def is_local(url: str) -> bool:
    """Whether a service is on this machine, whose loopback no proxy knows."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _said(answer: requests.Response) -> str:
    try:
        told = answer.json()
        return str(told.get("error") or told["message"])[:_SHOWN]
    except (ValueError, KeyError, TypeError, AttributeError):
        return " ".join(answer.text.split())[:_SHOWN]
