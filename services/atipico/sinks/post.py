"""POST of JSON to an address that somebody gave: nothing else is trusted, nothing goes elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import requests

from atipico.errors import NotYet, Refused

LONGEST_S = 60.0
_NOT_THESE = {400, 413, 422}  # this content is refused, not us; all else may be well later
_SHOWN = 200


class Post:
    """url: http or https; whose certificate no one known has signed is not trusted, and a redirect is not followed.

    timeout_s: how long an answer may take. token_file: what it holds is sent as `Authorization: Bearer`, read anew for
    each request. who: what asks, in errors.
    """

    def __init__(self, who: str, url: str, timeout_s: float = 5.0, token_file: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise Refused(f"{who} webhook = {url!r}: needed http:// or https:// and a host, without a password in it")
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= LONGEST_S:
            raise Refused(f"{who} webhook: timeout_s = {timeout_s!r}; seconds up to {LONGEST_S:g} are needed")
        if not isinstance(token_file, str):
            raise Refused(f"{who} webhook: token_file = {token_file!r}; the path of a file was needed")
        self._url, self._timeout_s, self._token_file = url, timeout_s, token_file
        self._shown = f"{who} {parts.scheme}://{parts.netloc}{parts.path}"  # a query may hold a secret
        self._session = requests.Session()

    def send(self, body: bytes) -> None:
        """Returns once it was answered 2xx. Raises Refused for what is refused for its content, else NotYet."""
        try:
            answer = self._session.post(
                self._url,
                body,
                headers={"Content-Type": "application/json"},
                auth=self._with_token,  # also without one, so that no other is taken from a .netrc
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            )
            with answer:
                said = answer.raw.read(_SHOWN, decode_content=True).decode(errors="replace").strip()
        except (requests.RequestException, OSError) as error:
            raise NotYet(f"{self._shown}: {type(error).__name__}: {str(error)[:_SHOWN]}") from error
        if 200 <= answer.status_code < 300:
            return
        told = f"{self._shown} answered {answer.status_code}: {said}"
        if answer.status_code in _NOT_THESE:
            raise Refused(told)
        if answer.is_redirect:
            told += f"; it sends to {answer.headers['Location']!r}, give that address"
        wait = answer.headers.get("Retry-After", "1")
        raise NotYet(told, min(float(wait), LONGEST_S) if wait.isdecimal() else 1.0)

    def _with_token(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token_file:
            token = Path(self._token_file).read_text(encoding="utf-8").strip()
            request.headers["Authorization"] = f"Bearer {token}"
        return request
