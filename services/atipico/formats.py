"""The numbers of what is kept on disk. What an older Atipico wrote is read; what a newer one wrote is refused.

Who keeps something has its number, FORMAT, beside what reads and writes it. Files without a number are older than 0.1.0
and count as 1. How a number is raised: docs/decisions/0020.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from atipico import __version__
from atipico.errors import Refused


class Newer(Refused):
    """A newer Atipico wrote it."""


def check(found: object, known: int, what: str, where: Path | str) -> int:
    """The number found, which this version can read. Raises Newer, or Refused for what is no number."""
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise Refused(f"{where}: {what} of format {found!r}, which is none; put it back from a backup, or remove it")
    if found > known:
        raise Newer(
            f"{where}: {what} of format {found}, written by a newer Atipico; this is {__version__}, which reads "
            f"formats up to {known}: install the newer one again, or restore a backup that this one made"
        )
    return found


def check_sqlite(db: sqlite3.Connection, known: int, what: str, where: Path) -> None:
    """Check a database by its `user_version`, and number one that has none. Raises Newer, sqlite3.Error."""
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if check(found or 1, known, what, where) != found:
        db.execute(f"PRAGMA user_version = {known}")
