"""The bounds of one statement: how long it may take, and how many values it may answer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from atipico.errors import Refused

MOST_WINDOWS = 1_000_000  # values of an answer with GROUP BY time
MOST_VALUES = 5_000_000  # values of an answer with the points themselves
LONGEST_S = 10.0
_STEPS = 20_000  # of SQLite's machine between two looks at the clock; some ms


@contextmanager
def limited(db: sqlite3.Connection, longest_s: float = LONGEST_S) -> Iterator[None]:
    """One state of the database for all that is read within, for so long; then Refused.

    What is made in temporary tables within is gone behind it.
    """
    until = time.monotonic() + longest_s
    db.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        db.execute("BEGIN")
        yield
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise Refused(
                f"query stopped after {longest_s:g} s; narrow its time range or ask for fewer points"
            ) from error
        if "parser stack overflow" in str(error) or "too large" in str(error):
            raise Refused("the condition is nested too deep; write it flatter") from error
        if "integer overflow" in str(error):
            raise Refused(
                "sum() of these integers does not fit 64 bits; narrow the time range or ask for mean()"
            ) from error
        raise
    finally:
        db.set_progress_handler(None, 0)
        if db.in_transaction:
            db.execute("ROLLBACK")


def at_most(most: int, rows: Iterable[tuple[Any, ...]], width: int) -> Iterator[tuple[Any, ...]]:
    """The rows, of `width` values each. Raises Refused when there are more than `most` values."""
    left = most // max(width, 1)
    for row in rows:
        left -= 1
        if left < 0:
            raise too_many(most)
        yield row


def too_many(most: int) -> Refused:
    """The refusal of an answer that is too large."""
    return Refused(
        f"the answer has more than {most} values; narrow the time range, widen GROUP BY time(), or use LIMIT"
    )
