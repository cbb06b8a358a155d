"""Samples that are written again just as they are: they change nothing, and the log does not tell of them twice.

A writer that had no answer sends the same lines again. Behind later samples they would be scored once more, by
windows that by then have let go of what they looked back to.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache

from atipico.store.catalog import Measurement, Row

_NEVER = -(2**63)


class Newest:
    """The newest time of each series: only a row that is not newer can be one that was written before.

    before: the newest time (ns) of each measurement, by its number, when the store started.
    """

    def __init__(self, before: Mapping[int, int]) -> None:
        self._before, self._of = before, array("q")  # by the number of the series

    def not_newer(self, rows: Sequence[Row]) -> list[int]:
        """The places of those rows, and remember the others."""
        found, of = [], self._of
        for place, (measurement, _, (time, series, *_)) in enumerate(rows):
            if series >= len(of):  # type: ignore[operator]
                of.extend([_NEVER] * (series + 1 - len(of)))  # type: ignore[operator]
            newest = of[series] if of[series] != _NEVER else self._before.get(measurement.number, _NEVER)  # type: ignore[index]
            if time > newest:  # type: ignore[operator]
                of[series] = time  # type: ignore[index,assignment]
            else:
                found.append(place)
        return found


def is_held(db: sqlite3.Connection, row: Row) -> bool:
    """Whether the tables hold all of a row just so."""
    try:
        found = db.execute(_select(row.measurement, row.names), row.values[:2]).fetchone()
    except sqlite3.OperationalError:  # no such table or column: it was learnt just now
        return False
    return bool(found == row.values[2:])


@lru_cache(1000)
def _select(measurement: Measurement, names: tuple[str, ...]) -> str:
    columns = ", ".join(f"f{measurement.columns[name]}" for name in names)
    return f"SELECT {columns} FROM m{measurement.number} WHERE t = ? AND s = ?"  # noqa: S608
