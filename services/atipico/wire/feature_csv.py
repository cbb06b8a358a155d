"""Rows of features as CSV: in the order of a model's columns, or in that of a first line with their names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from atipico.errors import Refused
from atipico.wire.rows_json import MOST_VALUES

CONTENT_TYPE = "text/csv"
_SHOWN = 40


def read_rows(body: bytes, columns: Sequence[str]) -> np.ndarray:
    """float64 (m, k) in the order of `columns`.

    Raises Refused, with line and feature, for what is no number that float32 can hold, and for a line that has more
    or fewer values than there are columns.
    """
    if (values := body.count(b",") + body.count(b"\n")) > MOST_VALUES:
        raise Refused(f"{values} values in one request, at most {MOST_VALUES} are taken; send fewer rows")
    try:
        lines = [(number, line) for number, line in enumerate(csv.reader(io.StringIO(body.decode(), "")), 1) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"the body is no CSV: {error}") from error
    order = range(len(columns))
    if lines and set(lines[0][1]) & set(columns):
        _, names = lines.pop(0)
        if sorted(names) != sorted(columns):
            raise Refused(f"the first line names {', '.join(names)[:200]}; needed are {', '.join(columns)}")
        order = [names.index(column) for column in columns]  # type: ignore[assignment]
    rows = [_row(number, line, columns) for number, line in lines]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(columns))[:, list(order)]


def _row(number: int, line: Sequence[str], columns: Sequence[str]) -> list[float]:
    if len(line) != len(columns):
        raise Refused(f"line {number}: {len(line)} values, the model takes {len(columns)}: {', '.join(columns)}")
    return [_value(number, place, text) for place, text in enumerate(line, 1)]


def _value(number: int, place: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(np.float32(value) if abs(value) < np.finfo(np.float32).max else np.nan):
        raise Refused(f"line {number}, value {place}: {text[:_SHOWN]!r} is no number up to 3.4e38")
    return value
