"""The classifier, asked over one kept connection and waited for when it is down or slow."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import orjson
import structlog

from atipico import logs, tls
from atipico.at_work import waiting
from atipico.errors import NotYet, Refused
from atipico.metrics import HOPS, RETRIES
from atipico.ports import ModelInfo, Scored
from atipico.wire import classify

log = structlog.get_logger("agent")

MOST_WAIT_S = 5.0
_MOST_AT_ONCE = 2**16  # rows in a request
_SAID_EVERY = 12  # tries: about once a minute while it lasts
_TRIES = 3  # of one row that fails by itself
_BODY_SHOWN = 300


class Stopped(Exception):
    """Nobody wants the answer any more: the far side of the agent's socket is gone."""


class _Broken(Exception):
    """The classifier answered that it failed on this very input (500)."""


class _Late(NotYet):
    """No answer within the time: the classifier is down, or the block is too much for it at once."""


class HttpScorer:
    """Asks the classifier at `url` for the scores of a model.

    A classifier that is down, slow or says 503 is waited for, with growing pauses, until it
    answers or `stop` is set (then Stopped is raised). A row that it refuses is refused. When it
    breaks on a block (500), the block is halved until the rows that break it stand alone; one that
    breaks it three times while the classifier says of itself that it is ready, is refused too.
    A block that is not answered in time is asked for in smaller ones, larger again when they are answered quickly.
    """

    def __init__(self, url: str, model: str, timeout_s: float, stop: threading.Event) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._secure = parts.scheme == "https"
        self._url, self._model, self._timeout_s, self._stop = url, model, timeout_s, stop
        self._connection: http.client.HTTPConnection | None = None
        self._info: ModelInfo | None = None
        self._at_once = _MOST_AT_ONCE

    def info(self) -> ModelInfo:
        """The model as the classifier has it now; asked once and again when it was swapped."""
        if self._info is None:
            self._info = self._until_answered(self._ask_info)
        return self._info

    def score(self, rows: np.ndarray) -> Scored:
        """Scores of float64 (m, k) rows in the order of `info().columns`. Raises Swapped when those changed."""
        scores = np.full(len(rows), np.nan)
        refused: dict[int, str] = {}
        done = 0
        while done < len(rows):
            part, begun = rows[done : done + self._at_once], time.monotonic()
            try:
                self._score_into(scores, refused, part, done)
            except _Late as error:
                self._fewer(len(part), error)
                refused = {at: why for at, why in refused.items() if at < done}
                continue
            done += len(part)
            if time.monotonic() - begun < self._timeout_s / 4:
                self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
        info = self.info()
        return Scored(scores, info.threshold, info.version, refused)

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fewer(self, rows: int, error: _Late) -> None:
        self._at_once = rows // 2
        RETRIES.labels("classifier").inc()
        log.warning("asks for fewer rows at once", rows=self._at_once, error=str(error))
        if self._stop.is_set():
            raise Stopped(str(error)) from error

    def _score_into(self, scores: np.ndarray, refused: dict[int, str], rows: np.ndarray, first: int) -> None:
        try:
            got = self._until_answered(lambda: self._ask_scores(rows), late_too=len(rows) == 1)
        except (Refused, _Broken) as error:
            if len(rows) > 1:
                half = len(rows) // 2
                self._score_into(scores, refused, rows[:half], first)
                self._score_into(scores, refused, rows[half:], first + half)
            elif isinstance(error, Refused):
                refused[first] = str(error)
            else:
                self._score_alone(scores, refused, rows, first)
            return
        scores[first : first + len(rows)] = got
        for at in np.flatnonzero(~np.isfinite(got)):
            refused[first + int(at)] = "the model gave no number for it"

    def _score_alone(self, scores: np.ndarray, refused: dict[int, str], row: np.ndarray, at: int) -> None:
        """One row that the classifier broke on: its own fault only while the classifier is well."""
        failed = 1
        while failed < _TRIES:
            try:
                scores[at] = self._until_answered(lambda: self._ask_scores(row))[0]
                return
            except _Broken as error:
                failed, why = failed + 1, str(error)
                self._until_answered(self._ask_ready)
        refused[at] = f"the classifier failed on it {failed} times: {why}"

    def _until_answered(self, ask: Callable[[], Any], late_too: bool = True) -> Any:
        pause_s, waits = 0.05, 0
        while True:
            try:
                answer = ask()
                if waits:
                    log.info("answers again", tries=waits)
                return answer
            except NotYet as error:
                if isinstance(error, _Late) and not late_too:
                    raise
                RETRIES.labels("classifier").inc()
                if waits % _SAID_EVERY == 0:
                    log.warning("waits for the classifier", error=str(error), tries=waits)
                waits += 1
                with waiting():
                    if self._stop.wait(min(max(pause_s, error.retry_after_s), MOST_WAIT_S)):
                        raise Stopped(str(error)) from error
                pause_s = min(2 * pause_s, MOST_WAIT_S)

    def _ask_ready(self) -> None:
        try:
            self._ask("GET", "/-/ready")
        except (Refused, _Broken) as error:
            raise NotYet(str(error)) from error

    def _ask_info(self) -> ModelInfo:
        try:
            data = self._ask("GET", f"/models/{quote(self._model)}")[1]
        except (Refused, _Broken) as error:  # the model may be registered a little later than the job that names it
            raise NotYet(str(error)) from error
        try:
            return _model(orjson.loads(data))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise self._strange(f"no model: {data[:_BODY_SHOWN]!r}") from error

    def _strange(self, what: str) -> NotYet:
        """It answers, but as no classifier does: another one is waited for, and no row is blamed."""
        self.close()
        return NotYet(f"classifier at {self._url} answered {what}; is it one?")

    def _ask_scores(self, rows: np.ndarray) -> np.ndarray:
        info, begun = self.info(), time.monotonic()
        headers = {"Content-Type": classify.CONTENT_TYPE, classify.COLUMNS: classify.digest(info.columns)}
        answer, body = self._ask("POST", f"/classify?model={quote(self._model)}", classify.to_bytes(rows), headers)
        HOPS.took("classify", time.monotonic() - begun)
        version = answer.getheader(classify.VERSION, info.version)
        if version != info.version:
            fresh = self._ask_info()
            if fresh.columns != info.columns:  # swapped once more, for one that the rows were not made for
                self._info = None
                raise Swapped(f"model {version} was swapped for {fresh.version}, which has other columns")
            try:
                threshold = float(answer.getheader(classify.THRESHOLD) or "none")
            except ValueError:
                raise self._strange(f"with no threshold of {version[:_BODY_SHOWN]}") from None
            self._info = fresh._replace(version=version, threshold=threshold)
        try:
            return classify.to_scores(body, len(rows))
        except Refused as error:
            raise self._strange(f"{len(rows)} rows with no scores of them: {error}") from error

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        try:
            if self._connection is None:
                self._connection = tls.connection(self._host, self._port, self._timeout_s, self._secure)
            about = logs.request()
            with waiting():
                self._connection.request(
                    method, path, body, {**(headers or {}), **({logs.REQUEST_ID: about} if about else {})}
                )
                answer = self._connection.getresponse()
                data = answer.read()
        except (OSError, http.client.HTTPException, OverflowError) as error:  # the last for a chunk of 2**64 bytes
            self.close()
            kind = _Late if isinstance(error, TimeoutError) else NotYet
            raise kind(f"classifier at {self._url}: {error or type(error).__name__}; is it up?", 0.0) from error
        if answer.status == 200:
            return answer, data
        self._complain(answer, data)

    def _complain(self, answer: http.client.HTTPResponse, data: bytes) -> None:
        told = (
            f"classifier at {self._url} answered {answer.status}: {data[:_BODY_SHOWN].decode(errors='replace').strip()}"
        )
        if answer.status == 409:
            self._info = None
            raise Swapped(told)
        if answer.status in (408, 425, 429, 502, 503, 504):
            wait = answer.getheader("Retry-After", "0")
            raise NotYet(told, float(wait) if wait.isdecimal() else 0.0)
        if answer.status >= 500:
            raise _Broken(told)
        with contextlib.suppress(orjson.JSONDecodeError, KeyError, TypeError):
            told = str(orjson.loads(data)["error"])
        raise Refused(told)


def _model(told: Any) -> ModelInfo:
    """A model as its classifier tells of it. Raises ValueError, TypeError, LookupError, AttributeError for another."""
    columns = tuple(told["columns"])
    if not all(isinstance(name, str) for name in (told["id"], *columns)):
        raise TypeError("names are texts")
    usual = {name: (float(mean), float(spread)) for name, (mean, spread) in told["usual"].items()}
    typical = tuple(float(told["typical"][name]) for name in columns) if "typical" in told else ()
    return ModelInfo(told["id"], columns, float(told["threshold"]), usual, typical)


class Swapped(Exception):
    """The model's columns are not the ones the rows were made for; ask `info` and lay them out again."""
