"""Outcomes as a table: CSV, or Parquet by the file's name. Written beside its place, moved there when whole."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Protocol

import numpy as np

from atipico.errors import NotYet, Refused
from atipico.wire.sample import Score

COLUMNS = ("time", *Score._fields)  # behind the id
_TYPES = ("TIMESTAMP_NS", "DOUBLE", "DOUBLE", "BOOLEAN", "VARCHAR", "BOOLEAN", "VARCHAR")
_FORMS = (".csv", ".parquet")
_MEMORY = "512MB"  # rows beyond it wait on the disk, beside the file


class _Table(Protocol):
    """Takes rows column by column: ids, times (ns, int64), both masked where there is none, and the fields of Score."""

    def add(self, ids: np.ndarray, times: np.ndarray, fields: Sequence[Sequence[Any]]) -> None: ...
    def end(self) -> None: ...
    def close(self) -> None: ...


class Results:
    """Rows of id, time and the six fields of an outcome. With `with`: what fails on the way leaves the old file.

    id: the name of the first column. A time is UTC; in CSV as 2026-01-31T10:00:00Z, with nine digits behind the second
    where it has a fraction. The same rows give the same bytes.
    """

    def __init__(self, out: Path | IO[str], id: str = "id") -> None:
        """out: a path, or an open text file for CSV. Raises Refused for a name that is neither CSV nor Parquet."""
        if isinstance(out, Path) and out.suffix.lower() not in _FORMS:
            raise Refused(f"{out}: what kind of file? its name must end with {' or '.join(_FORMS)}")
        if id in COLUMNS:
            raise Refused(
                f"the file's column {id} names its rows, but the result has a {id} of its own; rename that one"
            )
        self._out, self._names = out, (id, *COLUMNS)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Results:
        if not isinstance(self._out, Path):
            self._table: _Table = _Csv(self._out, self._names)
            return self
        try:
            self._folder = tempfile.TemporaryDirectory(prefix=f".{self._out.name}.", dir=self._out.parent)
            self._draft = Path(self._folder.name) / "made"
            if self._out.suffix.lower() == ".csv":
                self._table = _Csv(self._draft.open("w", newline="", encoding="utf-8"), self._names)
            else:
                self._table = _Parquet(self._draft, self._names)
        except OSError as error:
            raise Refused(f"{self._out} can't be written: {error.strerror}") from error
        return self

    def put(self, ids: np.ndarray, times: np.ndarray, scores: Sequence[Score]) -> None:
        """Append rows. times: ns, int64; both are masked where there is none."""
        fields: Sequence[Sequence[Any]] = list(zip(*scores, strict=True)) or [()] * len(Score._fields)
        try:
            self._table.add(ids, times, fields)
        except OSError as error:
            raise NotYet(f"{self._out} can't be written: {error.strerror}") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self._table.end()
            if isinstance(self._out, Path):
                self._table.close()
                if kind is None:
                    self._draft.replace(self._out)
        except OSError as failed:
            raise NotYet(f"{self._out} can't be written: {failed.strerror}") from failed
        finally:
            if self._folder:
                self._folder.cleanup()


class _Csv:
    def __init__(self, file: IO[str], names: Sequence[str]) -> None:
        self._file, self._names = file, names
        self._rows, self._begun = csv.writer(file, lineterminator="\n"), False

    def add(self, ids: np.ndarray, times: np.ndarray, fields: Sequence[Sequence[Any]]) -> None:
        self._begin()
        columns = [[_WORDS[v] for v in column] if at in _BOOLS else column for at, column in enumerate(fields)]
        self._rows.writerows(zip(ids.tolist(), _written(times), *columns, strict=True))

    def end(self) -> None:
        self._begin()
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _begin(self) -> None:
        if not self._begun:  # not before there is a result: what is wrong with the input comes first
            self._rows.writerow(self._names)
            self._begun = True


_WORDS = {True: "true", False: "false"}
_BOOLS = {Score._fields.index(name) for name in ("anomalous", "scored")}


def _written(times: np.ndarray) -> list[str]:
    known = np.ma.filled(times, 0)
    told = [np.datetime_as_string(known.view("datetime64[ns]"), unit=unit) for unit in _UNITS]
    texts = np.where(known % 10**9 == 0, *told).tolist()
    there = ~np.ma.getmaskarray(times)
    return [f"{text}Z" if is_there else "" for text, is_there in zip(texts, there.tolist(), strict=True)]


_UNITS: tuple[Literal["s", "ns"], ...] = ("s", "ns")


class _Parquet:
    """Rows wait in an engine of their own, which writes them all at the end."""

    def __init__(self, out: Path, names: Sequence[str]) -> None:
        import duckdb

        self._out, self._names, self._made = out, names, False
        self._error = duckdb.Error
        settings = {"threads": 1, "memory_limit": _MEMORY, "temp_directory": str(out.parent)}
        self._engine = duckdb.connect(config=settings)

    def add(self, ids: np.ndarray, times: np.ndarray, fields: Sequence[Sequence[Any]]) -> None:
        if not self._made:
            self._make({"i": "BIGINT", "u": "BIGINT", "f": "DOUBLE"}.get(ids.dtype.kind, "VARCHAR"))
        absent = np.datetime64("NaT")
        time = np.where(np.ma.getmaskarray(times), absent, np.ma.filled(times, 0).view("datetime64[ns]"))
        columns = [ids, time, *(np.array(field, dtype=_KINDS[at]) for at, field in enumerate(fields))]
        self._do("INSERT INTO told FROM block", {f"c{at}": column for at, column in enumerate(columns)})

    def end(self) -> None:
        if not self._made:
            self._make("VARCHAR")
        target = str(self._out).replace("'", "''")
        self._do(f"COPY told TO '{target}' (FORMAT parquet, COMPRESSION zstd)")

    def close(self) -> None:
        self._engine.close()

    def _make(self, id_type: str) -> None:
        columns = zip(self._names, (id_type, *_TYPES), strict=True)
        quoted = ((name.replace('"', '""'), of) for name, of in columns)
        self._do("CREATE TABLE told ({})".format(", ".join(f'"{name}" {of}' for name, of in quoted)))
        self._made = True

    def _do(self, sql: str, block: dict[str, np.ndarray] | None = None) -> None:
        try:
            if block is not None:
                self._engine.register("block", block)
            self._engine.execute(sql)
            if block is not None:
                self._engine.unregister("block")
        except self._error as error:
            raise NotYet(f"{self._out.parent.parent} can't be written: {error}") from error


_KINDS: tuple[Any, ...] = (np.float64, np.float64, bool, object, bool, object)
