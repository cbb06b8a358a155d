"""A server that is not ours, over HTTP: JSON in and out, or an error that says whether to try again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from atipico.errors import NotYet, Refused

_SHOWN = 1000  # characters of an answer that an error repeats
_LOCAL = ("http://127.", "http://localhost", "https://127.", "https://localhost")


class Answered(Refused):
    """The server refused. status: of its answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


Login = tuple[str, str] | str | Mapping[str, str]


class Server:
    """The server `name` at `url`. login: user and password, or a token, or headers. cure: what to do about a 401."""

    def __init__(self, name: str, url: str, login: Login, timeout_s: float, cure: str) -> None:
        self.name, self.url, self._timeout_s, self._cure = name, url.rstrip("/"), timeout_s, cure
        self._session = requests.Session()
        self._session.trust_env = not url.startswith(_LOCAL)  # a proxy does not know this machine's loopback
        if isinstance(login, str):
            self._session.headers["Authorization"] = f"Bearer {login}"
        elif isinstance(login, tuple):
            self._session.auth = login
        else:
            self._session.headers.update(login)

    def ask(self, method: str, path: str, absent: bool = False, **request: Any) -> Any:
        """The JSON of an answer, None for an empty one.

        absent: 404 is an answer too, None. Raises NotYet when the same may work later, else Refused.
        """
        where, answer = f"{self.name} at {self.url}", self._send(method, path, **request)
        if absent and answer.status_code == 404:
            return None
        if answer.ok:
            return _json(answer, where) if answer.content else None
        told = f"{where} answered {answer.status_code}: {_said(answer)}"
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            raise NotYet(told)
        if answer.status_code in (401, 403):
            told += f"; {self._cure}"
        raise Answered(told, answer.status_code)

    def head(self, path: str) -> Mapping[str, str]:
        """The headers of an answer, whatever it says. Raises NotYet when there is none."""
        return self._send("GET", path).headers

    def _send(self, method: str, path: str, **request: Any) -> requests.Response:
        try:
            return self._session.request(method, self.url + path, timeout=self._timeout_s, **request)
        except requests.RequestException as error:
            raise NotYet(
                f"{self.name} at {self.url} does not answer ({type(error).__name__}); is it up, is this its address?"
            ) from None


def _json(answer: requests.Response, where: str) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise Refused(f"{where} answers no JSON: {answer.text[:80]!r}; is this its address?") from None


def _said(answer: requests.Response) -> str:
    try:
        told = answer.json()
        return str(told.get("error") or told["message"])[:_SHOWN]
    except (ValueError, KeyError, TypeError, AttributeError):
        return " ".join(answer.text.split())[:_SHOWN]
