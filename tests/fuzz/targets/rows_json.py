"""Rows of features as JSON. First byte: one row, or many."""

from __future__ import annotations

import json

import numpy as np

from atipico.errors import Refused
from atipico.wire.rows_json import read_row, read_rows

_COLUMNS = ("amount", "speed", "heat")
_ROW = b'{"amount":1.5,"speed":-2,"heat":3e3}'
WORDS = [
    _ROW,
    b'{"rows":[',
    b"]}",
    b'"amount":',
    b'"speed":',
    b'"heat":',
    b"null",
    b"1e999",
    b"NaN",
    b'"1"',
    b"\\u0061",
]
WORDS += [b"[" * 40, b'{"a":' * 20, b"3.5e38", b"1" * 30]


def attack(data: bytes) -> None:
    many, body = (data[0] & 1, data[1:]) if data else (0, b"")
    said = ""
    try:
        rows = (read_rows if many else read_row)(body, _COLUMNS)
    except Refused as error:
        said = str(error)
    assert len(said) < 1000
    if said:
        return
    assert rows.dtype == np.float64
    assert np.isfinite(rows).all()
    given = json.loads(body)
    expected = [[float(row[name]) for name in _COLUMNS] for row in (given["rows"] if many else [given])]
    assert rows.shape == (len(expected), len(_COLUMNS))
    assert rows.tolist() == expected
