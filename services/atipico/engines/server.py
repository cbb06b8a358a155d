"""A server that is not ours, over HTTP: JSON in and out, or an error that says whether to try again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from atipico.answer import checked, is_local
from atipico.errors import NotYet, Refused

Login = tuple[str, str] | str | Mapping[str, str]


class Server:
    """The server `name` at `url`. login: user and password, or a token, or headers. cure: what to do about a 401."""

    def __init__(self, name: str, url: str, login: Login, timeout_s: float, cure: str) -> None:
        self.name, self.url, self._timeout_s, self._cure = name, url.rstrip("/"), timeout_s, cure
        self._session = requests.Session()
        self._session.trust_env = not is_local(url)  # a proxy does not know this machine's loopback
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
        return _json(answer, where) if checked(answer, where, self._cure).content else None

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
