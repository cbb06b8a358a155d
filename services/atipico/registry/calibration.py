"""From how strange a row is to the share of known samples that are less strange."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from atipico.errors import Refused


class Calibration:
    """The distribution function of the raw scores of known samples, in straight pieces between tabled points.

    raw, shares: float64 (n,), both growing from the first to the last; the shares end at 1.
    """

    def __init__(self, raw: np.ndarray, shares: np.ndarray) -> None:
        self.raw, self.shares = raw, shares

    @classmethod
    def of(cls, known: np.ndarray, points: int = 400) -> Calibration:
        """Table the raw scores of known samples, float64 (n,): half of the points even, half close to the strange end.

        Straight pieces, and not steps, so that a last bit of the raw score never moves the share by a step.
        """
        tail = 1.0 - np.geomspace(0.5, 1.0 / len(known), points // 2)
        wanted = np.unique(np.concatenate([np.linspace(0.0, 1.0, points // 2), tail]))
        raw, first = np.unique(np.quantile(known, wanted), return_index=True)
        return cls(raw, np.append(wanted[first][:-1], 1.0))

    def __call__(self, raw: np.ndarray) -> np.ndarray:
        """The share of known samples that are less strange, 0..1: float64 (m,) -> float64 (m,)."""
        shares: np.ndarray = np.interp(raw, self.raw, self.shares, left=0.0, right=1.0)
        return shares

    def save(self, path: Path) -> None:
        path.write_bytes(orjson.dumps({"raw": self.raw.tolist(), "shares": self.shares.tolist()}) + b"\n")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Raises Refused when the table does not grow from its first point to its last."""
        try:
            table: Any = orjson.loads(path.read_bytes())
            raw, shares = (np.array(table[name], dtype=np.float64) for name in ("raw", "shares"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Refused(f"{path} can't be read: {error}") from error
        grows = raw.shape == shares.shape and raw.ndim == 1 and len(raw) > 1 and (np.diff(raw) > 0).all()
        if not (grows and (np.diff(shares) >= 0).all() and shares[0] >= 0 and shares[-1] == 1):
            raise Refused(f"{path}: needed raw scores and shares that grow from the first to the last, which is 1")
        return cls(raw, shares)
