"""Outcomes posted to an address, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from atipico.errors import Refused
from atipico.metrics import REFUSED
from atipico.sinks.post import Post
from atipico.wire.outcome_json import to_json
from atipico.wire.sample import Sample

log = structlog.get_logger("sink")

MOST = 500  # outcomes in a request


class Webhook:
    """POST of `{"outcomes": [...]}`, at least once: whoever takes them keeps the last of those with the same `id`.

    A request counts as taken with any 2xx. What is refused for its content (400, 413, 422) is halved until the outcome
    stands alone that is refused, which is left out. url, timeout_s, token_file: see Post.
    """

    def __init__(self, url: str, timeout_s: float = 5.0, token_file: str = "") -> None:
        self._to = Post("sink", url, timeout_s, token_file)

    def write(self, outcomes: Sequence[Sample]) -> str:
        for first in range(0, len(outcomes), MOST):
            self._post(outcomes[first : first + MOST])
        return ""

    def resume(self, state: str) -> str:
        """Nothing can be taken back; what comes a second time has the same id."""
        return ""

    def _post(self, outcomes: Sequence[Sample]) -> None:
        try:
            self._to.send(b'{"outcomes":[' + b",".join(map(to_json, outcomes)) + b"]}")
        except Refused as error:
            if len(outcomes) > 1:
                half = len(outcomes) // 2
                self._post(outcomes[:half])
                self._post(outcomes[half:])
                return
            REFUSED.labels("outcome by a sink").inc()
            log.error("outcome left out", error=str(error), time=outcomes[0].time)
