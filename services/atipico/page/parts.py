"""How the parts are: each writes a row about itself every 2 s (heartbeat.py); what is not heard of is not well."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from atipico.page import ask
from atipico.page.columns import step_for
from atipico.page.influx import Influx, Series
from atipico.page.names import PARTS

SILENT_AFTER = 6 * 10**9  # ns: two rows did not come
_LOOK_BACK = 3600 * 10**9
_NEWEST = 15 * 10**9
_BUCKETS = 300
ORDER = ("generator", "store", "host", "agent", "classifier", "page", "supervisor")  # the way of the data


class Parts:
    """The parts that were heard of within the last hour."""

    def __init__(self, influx: Influx) -> None:
        self._influx = influx
        self._known: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def now(self, now: int) -> list[dict[str, Any]]:
        """One row a part, in the way of the data. Raises NotYet when the store is down."""
        back = _NEWEST if self._known else _LOOK_BACK
        found = self._influx.one(ask.by_tag([ask.ALL], PARTS, ask.within(now - back), "part"))
        with self._lock:
            for one in found:
                self._known[one.tags["part"]] = _told(one.tags["part"], one.rows()[-5:])
            self._known = {name: row for name, row in self._known.items() if now - int(row["time"]) < _LOOK_BACK}
            rows = [_aged(row, now) for row in self._known.values()]
        return sorted(rows, key=lambda row: (_place(row["part"]), row["part"]))

    def restarts(self, start: int, stop: int) -> dict[str, int]:
        """How often each part was seen to begin anew in a range."""
        step = max(step_for(stop - start, _BUCKETS), 4 * 10**9)
        columns = [ask.of("first", "started", "first"), ask.of("last", "started", "last")]
        found = self._influx.one(ask.buckets(columns, PARTS, ask.within(start, stop), step, by="part"))
        return {one.tags["part"]: _changes(one) for one in found}


def _changes(series: Series) -> int:
    seen = [start for row in series.rows() for start in (row["first"], row["last"])]
    return sum(one != other for one, other in pairwise(seen))


def _told(part: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    newest = rows[-1]
    same = [row for row in rows if row.get("pid") == newest.get("pid")]
    seconds = (newest["time"] - same[0]["time"]) / 1e9
    rates = {
        f"{way}_per_s": max(0.0, (newest[f"samples_{way}"] - same[0][f"samples_{way}"]) / seconds) if seconds else None
        for way in ("in", "out")
        if newest.get(f"samples_{way}") is not None
    }
    plain = {name: value for name, value in newest.items() if value is not None and name not in ("time", "started")}
    return {**plain, **rates, "part": part, "time": str(newest["time"]), "started": str(newest.get("started", ""))}


def _aged(row: dict[str, Any], now: int) -> dict[str, Any]:
    age = now - int(row["time"])
    return {**row, "age_s": round(age / 1e9, 1), "state": "up" if age < SILENT_AFTER else "silent"}


def _place(part: str) -> int:
    return ORDER.index(part) if part in ORDER else len(ORDER)
