"""Scores as a table: CSV, or Parquet by the file's name. Written beside its place and moved there when it is whole."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal

import numpy as np

from atipico.errors import NotYet, Refused
from atipico.wire.sample import Score

COLUMNS = ("id", "time", *Score._fields)
_TYPES = ("VARCHAR", "TIMESTAMP_NS", "DOUBLE", "DOUBLE", "BOOLEAN", "VARCHAR", "BOOLEAN", "VARCHAR")
_SUFFIXES = (".csv", ".parquet")


class Results:
    """Rows of id, time and the six fields of an outcome. With `with`: what fails on the way leaves no file.

    A time is UTC, as 2026-01-31T10:00:00Z, with nine digits behind the second where it has a fraction.
    """

    def __init__(self, out: Path | IO[str]) -> None:
        """out: a path, or an open text file for CSV. Raises Refused for a name that is neither CSV nor Parquet."""
        self._path = out if isinstance(out, Path) else None
        self._whole_ids = True
        if isinstance(out, Path):
            if out.suffix.lower() not in _SUFFIXES:
                raise Refused(f"{out}: what kind of file? its name must end with {' or '.join(_SUFFIXES)}")
            self._draft = out.with_name(f".{out.name}.{os.getpid()}")
            try:
                self._file: IO[str] = self._draft.open("w", newline="", encoding="utf-8")
            except OSError as error:
                raise Refused(f"{out} can't be written: {error.strerror}") from error
        else:
            self._file = out
        self._rows, self._begun = csv.writer(self._file, lineterminator="\n"), False

    def put(self, ids: Sequence[Any], times: Sequence[Any], scores: Sequence[Score]) -> None:
        """Append rows. times: ns, or None."""
        self._begin()
        self._whole_ids = self._whole_ids and all(type(id) is int for id in ids)
        fields = zip(*scores, strict=True) if scores else ()
        columns = [[_WORDS[v] for v in column] if at in _BOOLS else column for at, column in enumerate(fields)]
        self._rows.writerows(zip(ids, _written(times), *columns, strict=True) if scores else ())

    def __enter__(self) -> Results:
        return self

    def _begin(self) -> None:
        if not self._begun:  # not before there is a result: what is wrong with the input comes first
            self._rows.writerow(COLUMNS)
            self._begun = True

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._begin()
        if self._path is None:
            self._file.flush()
            return
        try:
            self._file.close()
            if kind is None:
                self._finish(self._path)
        except OSError as failed:
            raise NotYet(f"{self._path} can't be written: {failed.strerror}") from failed
        finally:
            self._draft.unlink(missing_ok=True)

    def _finish(self, path: Path) -> None:
        if path.suffix.lower() == ".csv":
            self._draft.replace(path)
            return
        whole = self._draft.with_name(f"{self._draft.name}.parquet")
        try:
            _to_parquet(self._draft, whole, "BIGINT" if self._whole_ids else "VARCHAR")
            whole.replace(path)
        finally:
            whole.unlink(missing_ok=True)


_WORDS = {True: "true", False: "false"}
_BOOLS = {Score._fields.index(name) for name in ("anomalous", "scored")}


def _written(times: Sequence[Any]) -> list[str]:
    if not times:
        return []
    known = np.array([0 if time is None else time for time in times], dtype=np.int64)
    unit: Literal["ns", "s"] = "ns" if (known % 10**9).any() else "s"
    told: list[str] = np.datetime_as_string(known.view("datetime64[ns]"), unit=unit).tolist()  # type: ignore[call-overload]
    return ["" if time is None else f"{text}Z" for time, text in zip(times, told, strict=True)]


def _to_parquet(table: Path, out: Path, id_type: str) -> None:
    import duckdb

    types = ", ".join(f"{name}: '{of}'" for name, of in zip(COLUMNS, (id_type, *_TYPES[1:]), strict=True))
    form = "header = true, auto_detect = false, delim = ',', quote = '\"', force_not_null = ['version', 'why']"
    target = str(out).replace("'", "''")
    try:
        with duckdb.connect(config={"threads": 1}) as engine:
            read = f"read_csv(?, {form}, columns = {{{types}}})"
            engine.execute(f"COPY (FROM {read}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)", [str(table)])
    except duckdb.Error as error:
        raise NotYet(f"{out} can't be written: {error}") from error
