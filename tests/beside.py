"""Our store beside the real InfluxDB: the same request to both, and their answers compared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import requests

NEAR = 1e-9  # of two floats, beside the larger and absolutely
_names = itertools.count()


class Answer(NamedTuple):
    """body: parsed where it is JSON, else its text."""

    status: int
    body: Any
    headers: Mapping[str, str]


def same(one: Any, other: Any) -> bool:
    """Whether two parsed answers say the same: floats to NEAR, everything else to the letter."""
    if isinstance(one, bool) or isinstance(other, bool) or not isinstance(one, int | float | list | dict):
        return type(one) is type(other) and one == other
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return isinstance(other, int | float) and math.isclose(one, other, rel_tol=NEAR, abs_tol=NEAR)


class Beside:
    """Two servers that speak InfluxDB 1.8, and a database of the same name in both."""

    def __init__(self, ours: str, real: str) -> None:
        self.urls = {"ours": ours, "real": real}
        self.db = f"t{next(_names)}"
        self.query(f"CREATE DATABASE {self.db}")

    def ask(self, method: str, path: str, **request: Any) -> dict[str, Answer]:
        """The same request to both, one after the other."""
        answers = {}
        for name, url in self.urls.items():
            got = requests.request(method, url + path, timeout=60, **request)
            body = got.json() if "json" in got.headers.get("Content-Type", "") and got.content else got.text
            answers[name] = Answer(got.status_code, body, got.headers)
        return answers

    def write(self, lines: bytes | str, path: str = "/write", **params: str) -> dict[str, Answer]:
        """A body of lines to both; params: db (this one where none is said), precision, ..."""
        where = {"bucket" if "v2" in path else "db": self.db}
        body = lines.encode() if isinstance(lines, str) else lines
        return self.ask("POST", path, params=where | params, data=body)

    def filled(self, lines: str) -> Beside:
        """Both take these lines, or the test fails."""
        for name, answer in self.write(lines).items():
            assert answer.status == 204, (name, answer)
        return self

    def query(self, q: str, **params: str) -> dict[str, Answer]:
        """What both say to a query; times in ns."""
        return self.ask("POST", "/query", params={"db": self.db, "epoch": "ns", "q": q} | params)

    def agree(self, q: str, **params: str) -> Any:
        """The answer that both give to a query. Fails where they differ, or where either refuses."""
        found = self.query(q, **params)
        ours, real = found["ours"], found["real"]
        assert ours.status == real.status, (q, ours, real)
        assert same(ours.body, real.body), f"{q}\nours: {ours.body}\nreal: {real.body}"
        assert "error" not in str(real.body), (q, real.body)
        return real.body
