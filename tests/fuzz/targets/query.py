"""InfluxQL executed: on tables whose names and texts try to be SQL. First byte: the unit of the times."""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from pathlib import Path

import orjson

from atipico.errors import NotYet, Refused
from atipico.store.query import answer
from fuzz.targets.influxql import WORDS as INFLUXQL
from small_store import SmallStore

_S = 10**9
_ODD = 'm"; DROP TABLE m1; --'
_POINTS = [
    ("m", {"host": "a", "dc": "x"}, {"f": 1.5, "i": 3, "b": True, "s": "hi"}, 1 * _S),
    ("m", {"host": "b'", "dc": "x"}, {"f": -2.5, "i": 2**62, "b": False, "s": "ho"}, 2 * _S),
    ("m", {"host": "a", "dc": "x"}, {"f": 9.0, "i": 2**62, "s": "'ha\""}, 65 * _S),
    ("m", {}, {"f": 1e300}, -7),
    (_ODD, {"t'": "'", "s": "f"}, {'f"': 1.0, "s": 2, "time": 3.0}, 3 * _S),
]
WORDS = [*INFLUXQL, b"FROM m", b"f", b"i", b"s", b"host", b"SELECT * FROM m WHERE ", b"GROUP BY time(1s),host fill("]
WORDS += [name + b"(" for name in b"count sum min max first last stddev median percentile distinct spread mean".split()]
_EPOCHS = (None, "ns", "u", "ms", "s", "m", "h", "x")


class _Tables:
    """Made once: no query may change them, which each query shows."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="at-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.store = SmallStore(folder)
        self.store.create("d")
        self.database = self.store.get("d")
        self.database.write(_POINTS)
        self._was = self._state()

    def check(self) -> None:
        assert self._state() == self._was, "a query changed the tables"
        reader = self.database.reader()
        assert not reader.in_transaction
        assert reader.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)

    def _state(self) -> object:
        db = self.database.db
        names = sorted(name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
        return db.execute("PRAGMA data_version").fetchone(), names


_tables: list[_Tables] = []


def attack(data: bytes) -> None:
    if not _tables:
        _tables.append(_Tables())
    tables = _tables[0]
    first, q = (data[0], data[1:].decode(errors="replace")) if data else (0, "")
    with contextlib.suppress(Refused, NotYet):
        orjson.dumps(answer(tables.store, q, "d", _EPOCHS[first & 7], 100 * _S, "GET", longest_s=2.0))
    tables.check()
