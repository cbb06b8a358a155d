"""Outcomes posted to an address, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import requests
import structlog

from atipico.errors import NotYet, Refused
from atipico.metrics import REFUSED
from atipico.wire.outcome_json import to_json
from atipico.wire.sample import Sample

log = structlog.get_logger("sink")

MOST = 500  # outcomes in a request
LONGEST_S = 60.0
_NOT_THESE = {400, 413, 422}  # this content is refused, not us; all else may be well later
_SHOWN = 200


class Webhook:
    """POST of `{"outcomes": [...]}`, at least once: whoever takes them keeps the last of those with the same `id`.

    url: http or https; whose certificate no one known has signed is not trusted, and a redirect is not followed. A
    request counts as taken with any 2xx. What is refused for its content (400, 413, 422) is halved until the outcome
    stands alone that is refused, which is left out. timeout_s: how long an answer may take. token_file: what it holds
    is sent as `Authorization: Bearer`, read anew for each request.
    """

    def __init__(self, url: str, timeout_s: float = 5.0, token_file: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise Refused(f"sink webhook = {url!r}: needed http:// or https:// and a host, without a password in it")
        if not isinstance(timeout_s, int | float) or not 0 < timeout_s <= LONGEST_S:
            raise Refused(f"sink webhook: timeout_s = {timeout_s!r}; seconds up to {LONGEST_S:g} are needed")
        if not isinstance(token_file, str):
            raise Refused(f"sink webhook: token_file = {token_file!r}; the path of a file was needed")
        self._url, self._timeout_s, self._token_file = url, timeout_s, token_file
        self._shown = f"{parts.scheme}://{parts.netloc}{parts.path}"  # a query may hold a secret
        self._session = requests.Session()

    def write(self, outcomes: Sequence[Sample]) -> str:
        for first in range(0, len(outcomes), MOST):
            self._post(outcomes[first : first + MOST])
        return ""

    def resume(self, state: str) -> str:
        """Nothing can be taken back; what comes a second time has the same id."""
        return ""

    def _post(self, outcomes: Sequence[Sample]) -> None:
        try:
            self._send(b'{"outcomes":[' + b",".join(map(to_json, outcomes)) + b"]}")
        except Refused as error:
            if len(outcomes) > 1:
                half = len(outcomes) // 2
                self._post(outcomes[:half])
                self._post(outcomes[half:])
                return
            REFUSED.labels("outcome by a sink").inc()
            log.error("outcome left out", error=str(error), time=outcomes[0].time)

    def _send(self, body: bytes) -> None:
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
            raise NotYet(f"sink {self._shown}: {type(error).__name__}: {str(error)[:_SHOWN]}") from error
        if 200 <= answer.status_code < 300:
            return
        told = f"sink {self._shown} answered {answer.status_code}: {said}"
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
