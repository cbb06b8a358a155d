"""The targets, one a parser: a module of this folder with `attack(data: bytes) -> None`.

`attack` returns whatever it was given: it catches what the parser documents, and asserts what has to hold of the rest.
It remembers nothing from one call to the next that could make an input fail only behind another one. `WORDS`: what
the parser's language is made of. `LONGEST`: bytes of an input, where that is not 4096.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

TARGETS = {
    "lines": "line protocol: the quick way beside the exact one, read beside written",
    "influxql": "InfluxQL: text to statements and back",
    "query": "InfluxQL executed on tables",
    "written": "a body from /write to the log and to the rows of a query",
    "gzip": "packed bodies",
    "store": "requests to the store",
    "classifier": "requests to the classifier",
    "rows_json": "rows of features as JSON",
    "page": "requests to the page",
    "frames": "UDF frames, however torn",
    "points": "points and labels to columns, and the answers to them",
    "session": "all that a host may send an agent, labels too",
    "answers": "all that an agent may answer a host",
    "scorer": "all that a classifier may answer an agent",
}


class Target(NamedTuple):
    attack: Callable[[bytes], None]
    words: Sequence[bytes]
    longest: int  # bytes


def load(name: str) -> Target:
    module = importlib.import_module(f"fuzz.targets.{name}")
    return Target(module.attack, getattr(module, "WORDS", ()), getattr(module, "LONGEST", 4096))
