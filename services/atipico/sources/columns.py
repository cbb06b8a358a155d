"""CSV and Parquet files through DuckDB: their columns, and their rows in order from any row on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from atipico.errors import Refused

# null_padding, strict_mode, ignore_errors: a row too short or too long costs its own cells and no neighbour.
_CSV = "header=true, all_varchar=true, null_padding=true, strict_mode=false, ignore_errors=true"
_CHUNK = 512  # rows fetched at once


def columns_of(file: Path) -> dict[str, str]:
    """Column name -> DuckDB's type, in the file's order; a CSV's types are judged by its first 20480 rows."""
    with _connect() as connection:
        try:
            sql = f"DESCRIBE SELECT * FROM {_reader(file, typed=True)}"  # noqa: S608 - the file's name is a parameter
            return {row[0]: row[1] for row in connection.execute(sql, [str(file)]).fetchall()}
        except duckdb.Error as error:
            raise _refused(file, error) from error


def rows_of(file: Path) -> int:
    """How many rows a file has; reads all of it."""
    with _connect() as connection:
        try:
            sql = f"SELECT count(*) FROM {_reader(file)}"  # noqa: S608 - as above
            return int(connection.execute(sql, [str(file)]).fetchall()[0][0])
        except duckdb.Error as error:
            raise _refused(file, error) from error


def has_rows(file: Path) -> bool:
    """Whether there is any row."""
    return bool(Rows(file, ["1"]).at(0, 1))


def quoted(column: str) -> str:
    """A column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def arrays_of(file: Path, expressions: Sequence[str]) -> list[np.ndarray]:
    """All rows of a file in its order, one array (n,) an expression of SQL; a masked one where it is NULL in places."""
    with _connect() as connection:
        try:
            named = ", ".join(f"{expression} AS c{at}" for at, expression in enumerate(expressions))
            found = connection.execute(f"SELECT {named} FROM {_reader(file)}", [str(file)]).fetchnumpy()  # noqa: S608
            return list(found.values())
        except duckdb.Error as error:
            raise _refused(file, error) from error


class Rows:
    """The rows of a file in its order, as tuples of the given SQL expressions.

    The file stays open and what was fetched stays at hand, so that reading on costs nothing; another
    row than the next opens it again and skips. Holds a few thousand rows at most.
    """

    def __init__(self, file: Path, expressions: Sequence[str]) -> None:
        self._file = file
        self._sql = f"SELECT {', '.join(expressions)} FROM {_reader(file)} OFFSET ?"  # noqa: S608 - as above
        self._open: duckdb.DuckDBPyConnection | None = None
        self._held: deque[tuple[Any, ...]] = deque()
        self._row = 0  # the file's row that _held starts with

    def at(self, row: int, most: int) -> list[tuple[Any, ...]]:
        """At most `most` rows from `row` (0 is the first) on; fewer at the end of the file only."""
        try:
            if self._open is None or not self._row <= row <= self._row + len(self._held):
                self._seek(row)
            while self._row < row:
                self._held.popleft()
                self._row += 1
            while len(self._held) < most and (more := self._open.fetchmany(max(_CHUNK, most - len(self._held)))):  # type: ignore[union-attr]
                self._held.extend(more)
        except duckdb.Error as error:
            raise _refused(self._file, error) from error
        return list(islice(self._held, most))

    def _seek(self, row: int) -> None:
        if self._open is not None:
            self._open.close()
        self._held.clear()
        self._open = _connect()
        self._open.execute(self._sql, [str(self._file), row])
        self._row = row


def _connect() -> duckdb.DuckDBPyConnection:
    """A connection of its own, which any thread may use, to the one engine of this process."""
    return _engine().cursor()


@lru_cache(1)
def _engine() -> duckdb.DuckDBPyConnection:
    settings = {"threads": 1, "memory_limit": "128MB", "autoinstall_known_extensions": False, "TimeZone": "UTC"}
    engine = duckdb.connect(":memory:", config=settings)
    known = {name for (name,) in engine.execute("FROM duckdb_optimizers()").fetchall()}
    # It would have the CSV reader cast, where a cell that is of no such kind costs its row, and not itself alone.
    engine.execute(f"SET disabled_optimizers = '{','.join(known & {'type_pushdown'})}'")
    return engine


def _reader(file: Path, typed: bool = False) -> str:
    if file.suffix.lower() == ".parquet":
        return "read_parquet(?)"
    return "read_csv(?, header=true)" if typed else f"read_csv(?, {_CSV})"


def _refused(file: Path, error: duckdb.Error) -> Refused:
    return Refused(f"{file}: can't be read as {'Parquet' if file.suffix == '.parquet' else 'CSV'}: {error}")
