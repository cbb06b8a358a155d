"""What a chain is given, and what shows of it: payments posted to /write, their outcomes seen through /query."""

from __future__ import annotations

import http.client
import time
from typing import Any
from urllib.parse import urlencode

import orjson

from atipico.errors import NotYet, Refused
from atipico.ports import Position
from atipico.sources import make
from atipico.wire.lines import write
from atipico.wire.sample import Sample

DATABASE, STREAM = "atipico", "payments"


class Payments:
    """The simulated payments as samples, one after the other, each at its own ns.

    fields: how many a sample has. A payment has five of its own; what is more is floats that no feature looks at.
    """

    def __init__(self, fields: int = 5) -> None:
        self._source = make("payments", seed=1)
        self._position: Position = {}
        self._more = {f"extra_{number:02d}": number + 0.25 for number in range(fields - 5)}

    def next(self, count: int, first_ns: int) -> list[Sample]:
        """The next `count` samples at first_ns, first_ns + 1, ..."""
        batch = self._source.read(self._position, count)
        self._position = batch.after
        return [
            Sample(STREAM, tags, {**fields, **self._more}, first_ns + number)
            for number, (tags, fields) in enumerate(batch.rows)
        ]


class Store:
    """A store's HTTP side over one kept connection. Not for several threads at once."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def write(self, samples: list[Sample]) -> None:
        """Post lines in one request; returns once they are accepted."""
        self.post(write(samples))

    def post(self, lines: bytes) -> None:
        """The same with lines that are written already. A store that says "not yet" is asked again."""
        path = f"/write?{urlencode({'db': DATABASE, 'precision': 'ns'})}"
        while True:
            try:
                self._ask("POST", path, lines, 204)
                return
            except NotYet as error:
                time.sleep(error.retry_after_s)

    def create(self) -> None:
        """Make the database."""
        self._ask("POST", f"/query?{urlencode({'q': f'CREATE DATABASE {DATABASE}'})}", b"", 200)

    def count(self, since_ns: int = 0) -> int:
        """How many outcomes of samples at `since_ns` or later are visible."""
        rows = self._rows(f'SELECT count("score") FROM "scores" WHERE time >= {since_ns}')
        return sum(int(row[1]) for row in rows)

    def times(self, since_ns: int) -> list[int]:
        """The times, ns, of the visible outcomes at `since_ns` or later."""
        return [row[0] for row in self._rows(f'SELECT "score" FROM "scores" WHERE time >= {since_ns}')]

    def unscored(self) -> int:
        """How many outcomes say that their sample could not be scored."""
        return sum(not row[1] for row in self._rows('SELECT "scored" FROM "scores"'))

    def _rows(self, q: str) -> list[list[Any]]:
        data = self._ask("GET", f"/query?{urlencode({'db': DATABASE, 'epoch': 'ns', 'q': q})}", None, 200)
        result = orjson.loads(data)["results"][0]
        if "error" in result:
            raise Refused(f"query {q}: {result['error']}")
        return [row for series in result.get("series", []) for row in series["values"]]

    def _ask(self, method: str, path: str, body: bytes | None, wanted: int) -> bytes:
        self._connection.request(method, path, body)
        answer = self._connection.getresponse()
        data = answer.read()
        if answer.status != wanted:
            raise Refused(
                f"store: {method} {path[:80]} answered {answer.status}: {data[:300].decode(errors='replace')}"
            )
        return data


def wait_visible(store: Store, samples: list[Sample], within_s: float, every_s: float = 0.1) -> float:
    """Wait until the outcome of every sample is visible; when that was, by time.perf_counter().

    Outcomes are written in the order of their samples, so the last one is looked for and all are counted then,
    off the clock. Raises Refused when one does not come, or comes in another order.
    """
    deadline = time.perf_counter() + within_s
    while not store.count(samples[-1].time):
        if time.perf_counter() > deadline:
            seen = store.count(samples[0].time)
            raise Refused(f"{seen} of {len(samples)} samples have an outcome after {within_s:g} s")
        time.sleep(every_s)
    seen_at = time.perf_counter()
    if (seen := store.count(samples[0].time)) != len(samples):
        raise Refused(f"the last of {len(samples)} samples has its outcome, of all only {seen}")
    return seen_at
