"""Rows of features by name, as JSON: `{"amount": 12.5, ...}` for one, `{"rows": [{...}, ...]}` for many."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from atipico.errors import Refused

CONTENT_TYPE = "application/json"
MOST_VALUES = 1_000_000  # of one request: small values take many times their bytes once they are read
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)  # the last from names that are no UTF-8
_SHOWN = 40  # characters of a value that an error repeats


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[dict[str, float]]


class _RawRows(msgspec.Struct):
    rows: list[dict[str, msgspec.Raw]]


_ONE, _MANY = msgspec.json.Decoder(dict[str, float]), msgspec.json.Decoder(_Rows)
_RAW_ONE, _RAW_MANY = msgspec.json.Decoder(dict[str, msgspec.Raw]), msgspec.json.Decoder(_RawRows)


def read_row(body: bytes, columns: Sequence[str]) -> np.ndarray:
    """The row of one JSON object, float64 (1, k) in the order of `columns`. Raises Refused as `read_rows` does."""
    _bound(body)
    try:
        rows = [_ONE.decode(body)]
    except _UNREADABLE as error:
        raise _told(error, lambda: [_RAW_ONE.decode(body)], 'an object such as {"amount": 12.5}') from error
    return _laid_out(rows, columns)


def read_rows(body: bytes, columns: Sequence[str]) -> np.ndarray:
    """The rows of `{"rows": [...]}`, float64 (m, k) in the order of `columns`.

    Raises Refused, with row and feature, for a feature that is missing, not known, or no finite number
    that float32 can hold (models compare float32).
    """
    _bound(body)
    try:
        rows = _MANY.decode(body).rows
    except _UNREADABLE as error:
        raise _told(error, lambda: _RAW_MANY.decode(body).rows, '{"rows": [{"amount": 12.5}, ...]}') from error
    return _laid_out(rows, columns)


def _bound(body: bytes) -> None:
    if (values := body.count(b":") + body.count(b"{")) > MOST_VALUES:
        raise Refused(f"{values} rows and values in one request, at most {MOST_VALUES} are taken; send fewer rows")


def _laid_out(rows: Sequence[Mapping[str, float]], columns: Sequence[str]) -> np.ndarray:
    pick = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
    try:
        picked = [pick(row) for row in rows]
    except KeyError:
        picked = None
    if picked is None or any(len(row) != len(columns) for row in rows):
        raise _misnamed(rows, columns)
    matrix = np.array(picked, dtype=np.float64).reshape(len(rows), len(columns))
    with np.errstate(over="ignore"):
        bad = np.argwhere(~np.isfinite(matrix.astype(np.float32)))
    if len(bad):
        row, column = bad[0].tolist()
        raise Refused(f"row {row}, feature {columns[column]!r}: {matrix[row, column]:g} is beyond 3.4e38")
    return matrix


def _misnamed(rows: Sequence[Mapping[str, float]], columns: Sequence[str]) -> Refused:
    for number, row in enumerate(rows):
        for name in row:
            if name not in columns:
                close = difflib.get_close_matches(name, columns, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"the model has {', '.join(columns)}"
                return Refused(f"row {number}: no feature {name[:_SHOWN]!r}; {hint}")
        if missing := [name for name in columns if name not in row]:
            return Refused(
                f"row {number}: missing {', '.join(map(repr, missing))}; every feature of the model is needed"
            )
    raise AssertionError("rows of the right names have the right columns")


def _told(error: Exception, raw_rows: Any, needed: str) -> Refused:
    """Which row and feature is no number, else what is wrong with the body as a whole."""
    try:
        for number, row in enumerate(raw_rows()):
            for name, raw in row.items():
                if not _is_number(bytes(raw)):
                    shown = bytes(raw)[:_SHOWN].decode(errors="replace")
                    return Refused(f"row {number}, feature {name[:_SHOWN]!r}: {shown} is not a finite number")
    except _UNREADABLE:
        pass
    return Refused(f"the body is not understood: {str(error)[:200]}; needed {needed}")


def _is_number(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw, type=float)
    except _UNREADABLE:
        return False
    return True
