"""One service over HTTP: an answer, or an error that says whether to try again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from atipico import tls
from atipico.answer import checked, is_local
from atipico.errors import NotYet
from atipico.store_access import CURE, Login

_WHO_ASKS = f"give Client(token=...) what is in its run/token (InfluxDB: user:password), or {CURE}"


class Far:
    """The service `name` at `url`, asked over kept connections; `login` goes along with every request.

    cure: what to do when nothing answers there. An error names its first cause and hides the library's own four
    errors on the way, whose traces would fill a notebook.
    """

    def __init__(self, name: str, url: str, login: Login, timeout_s: float, cure: str) -> None:
        self.name, self.url, self._timeout_s, self._cure = name, url, timeout_s, cure
        self._session = requests.Session()
        if authority := tls.authority():
            self._session.verify = str(authority)
        self._session.trust_env = not is_local(url)  # a proxy does not know this machine's loopback
        self._session.headers.update(login.headers())

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """An answer with 2xx. Raises NotYet when the same request may work later, Refused when it never will."""
        where = f"{self.name} at {self.url}"
        request = {"params": params, "data": data, "headers": headers, "timeout": self._timeout_s}
        try:
            answer = self._send(method, self.url + path, **request)
        except requests.Timeout as error:
            raise NotYet(
                f"{where}: no answer in {self._timeout_s:g} s; is it busy? Client(timeout=...) waits"
            ) from error
        except requests.RequestException as error:
            raise NotYet(f"{where}: {_first_cause(error)}; {self._cure}") from None
        return checked(answer, where, _WHO_ASKS)

    def _send(self, method: str, url: str, **request: Any) -> requests.Response:
        """One try more when a kept connection turns out to be closed. Nothing that is asked does harm twice."""
        try:
            return self._session.request(method, url, **request)
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            return self._session.request(method, url, **request)


def _first_cause(error: BaseException) -> str:
    """What went wrong at the bottom, such as "Connection refused"."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return str(getattr(error, "strerror", "") or error or type(error).__name__)
