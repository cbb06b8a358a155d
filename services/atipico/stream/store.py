"""The store as the host needs it: its log from an offset, and a place to write outcomes to."""

from __future__ import annotations

import http.client
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from atipico import logs, secret, tls
from atipico.at_work import waiting
from atipico.errors import NotYet, Refused
from atipico.wire.log import BEGIN, END, NEXT

_SHOWN = 300


class LogBlock(NamedTuple):
    """lines: accepted lines of the measurements, in the order of the log, from the offset `begin` on.

    after: where the next read goes on. end: of the log.
    """

    lines: bytes
    begin: int
    after: int
    end: int


class LogGone(Refused):
    """The offset is not in the log: retention passed it, or it is another log. oldest: where the log begins now."""

    def __init__(self, message: str, oldest: int) -> None:
        super().__init__(message)
        self.oldest = oldest


class NotTaken(Refused):
    """The store took all lines but some. lines: how many at least."""

    def __init__(self, message: str, lines: int) -> None:
        super().__init__(message)
        self.lines = lines


class StoreClient:
    """One kept connection to the store. Not for several threads at once.

    token_file: whose token is sent where it is there; a store that is bound to more than loopback asks for it.
    """

    def __init__(self, host: str, port: int, timeout_s: float, token_file: Path) -> None:
        self._host, self._port, self._timeout_s, self._token_file = host, port, timeout_s, token_file
        self._connection: http.client.HTTPConnection | None = None
        self._headers: dict[str, str] = {}

    def read(
        self,
        database: str,
        measurements: Sequence[str],
        offset: int | None,
        limit: int,
        wait_s: float,
        reader: str,
        done: int,
        until: int = 0,
    ) -> LogBlock:
        """The log of some measurements from an offset (None: its beginning). Waits up to `wait_s` for something new.

        reader, done: who reads, and the offset below which it needs nothing again; the log is not kept for one without
        a name. until: read no farther than this offset, and do not wait; 0: as far as it goes. Raises LogGone, NotYet.
        """
        query: dict[str, Any] = {"db": database, "measurement": measurements, "limit": limit, "wait": f"{wait_s:g}"}
        query |= {"offset": "first" if offset is None else offset, "reader": reader, "done": done}
        query |= {"until": until} if until else {}
        answer, data = self._ask("GET", f"/log?{urlencode(query, doseq=True)}")
        if answer.status == 410:
            raise LogGone(f"offset {offset} is not in the store's log any more", int(orjson.loads(data)["oldest"]))
        if answer.status != 200:
            self._complain(answer, data)
        return LogBlock(data, int(answer.headers[BEGIN]), int(answer.headers[NEXT]), int(answer.headers[END]))

    def end(self, database: str, measurement: str) -> int:
        """Where the log ends now. Raises NotYet."""
        query = {"db": database, "measurement": measurement, "offset": "end"}
        answer, data = self._ask("GET", f"/log?{urlencode(query)}")
        if answer.status != 200:
            self._complain(answer, data)
        return int(answer.headers[END])

    def write(self, database: str, lines: bytes) -> None:
        """Write lines; returns once they are accepted. Raises NotYet, or NotTaken when some were not, ever."""
        answer, data = self._ask("POST", f"/write?{urlencode({'db': database, 'precision': 'ns'})}", lines)
        if answer.status == 400:
            dropped = re.search(rb"partial write.* dropped=(\d+)", data, re.DOTALL)
            count = int(dropped[1]) if dropped else lines.count(b"\n") + 1
            raise NotTaken(self._told(answer, data), max(1, count))
        if answer.status != 204:
            self._complain(answer, data)

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[http.client.HTTPResponse, bytes]:
        try:
            if self._connection is None:
                self._connection = tls.connection(self._host, self._port, self._timeout_s)
                self._headers = self._token()
            about = logs.request()
            headers = {**self._headers, logs.REQUEST_ID: about} if about else self._headers
            with waiting():
                self._connection.request(method, path, body, headers)
                answer = self._connection.getresponse()
                return answer, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotYet(f"store at {self._host}:{self._port}: {error or type(error).__name__}; is it up?") from error

    def _token(self) -> dict[str, str]:
        token = secret.read_if_there(self._token_file)
        return {"Authorization": f"Token {token}"} if token else {}

    def _told(self, answer: http.client.HTTPResponse, data: bytes) -> str:
        said = data[:_SHOWN].decode(errors="replace").strip()
        return f"store at {self._host}:{self._port} answered {answer.status}: {said}"

    def _complain(self, answer: http.client.HTTPResponse, data: bytes) -> None:
        told = self._told(answer, data)
        if answer.status in (401, 403):
            self.close()  # the next connection reads the token anew
            raise NotYet(f"{told}; is what {self._token_file} holds the store's?")
        if answer.status >= 500 or answer.status in (404, 408, 429):  # 404: the database is made a little later
            wait = answer.getheader("Retry-After", "1")
            raise NotYet(told, float(wait) if wait.isdigit() else 1.0)
        raise Refused(told)
