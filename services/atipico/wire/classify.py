"""The bodies between agent and classifier: a block of rows one way, a block of scores the other.

POST /classify?model=NAME takes float64, little-endian, row by row, in the order of the model's
columns, and answers one float64 a row. The header COLUMNS carries `digest(columns)` of the sender,
so that a swapped model with other columns answers 409 and never scores the wrong numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from atipico.errors import Refused

CONTENT_TYPE = "application/vnd.atipico.float64"
COLUMNS, THRESHOLD, VERSION = "X-Atipico-Columns", "X-Atipico-Threshold", "X-Atipico-Version"
_FLOAT64 = np.dtype("<f8")


def digest(columns: Sequence[str]) -> str:
    """A short name for a list of columns in their order."""
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()[:16]


def to_bytes(rows: np.ndarray) -> bytes:
    """Rows (m, k) or scores (m,) as float64, little-endian, row by row."""
    return np.ascontiguousarray(rows, dtype=_FLOAT64).tobytes()


def to_rows(body: bytes, columns: int) -> np.ndarray:
    """The rows of a body as float64 (m, columns), read-only. Raises Refused when it is no whole number of rows."""
    if len(body) % (8 * columns):
        raise Refused(
            f"body of {len(body)} bytes is no whole number of rows of {columns} float64 ({8 * columns} bytes)"
        )
    return np.frombuffer(body, dtype=_FLOAT64).reshape(-1, columns)


def to_scores(body: bytes, rows: int) -> np.ndarray:
    """The scores of an answer as float64 (rows,). Raises Refused when there are not as many."""
    if len(body) != 8 * rows:
        raise Refused(f"answer of {len(body)} bytes for {rows} rows; {8 * rows} were needed")
    return np.frombuffer(body, dtype=_FLOAT64)
