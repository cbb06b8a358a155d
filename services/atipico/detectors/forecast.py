"""How far the newest value is from what those before it foretell."""

from __future__ import annotations

import msgspec
import numpy as np

from atipico.detectors.known import Known

KEPT = 0.98  # of what was learned, each time more is
RIDGE = 1e-3  # of the values' mean square: keeps the weights small where values all but repeat each other
MOST = 10.0  # spreads; a value farther off teaches as one so far


class Forecast:
    """The share of known samples that were foretold worse; 0 until the first were learned.

    The newest value is foretold as a weighted sum of those before it, with weights learned from the stream (a linear
    autoregression by least squares, older samples fading): what swings or follows itself is usual as long as it does
    so. All is told in spreads about the mean of the window's older values, so that series of other levels and sizes
    share what is learned. A share of n known samples can't pass n / (n + 1): a threshold of 0.999 needs a thousand.
    Sources: G. U. Yule, Philosophical Transactions A 226, 1927 (the autoregression); `known.py` (the share).
    """

    needs = 4

    def __init__(self) -> None:
        self._squares, self._products = np.empty((0, 0)), np.empty(0)
        self._weights: np.ndarray | None = None
        self._known = Known()

    def score(self, windows: np.ndarray) -> np.ndarray:
        if self._weights is None:
            return np.zeros(len(windows))
        return self._known.share_below(_missed(windows, self._weights))

    def learn(self, windows: np.ndarray) -> None:
        full = windows[np.isfinite(windows).all(axis=1)]
        if not len(full):
            return
        past, newest = _in_spreads(full)
        if self._weights is None:
            k = past.shape[1]
            self._squares, self._products = np.zeros((k, k)), np.zeros(k)
        else:
            self._known.add(_missed(full, self._weights))
        self._squares = KEPT * self._squares + past.T @ past
        self._products = KEPT * self._products + past.T @ np.clip(newest, -MOST, MOST)
        ridge = RIDGE * np.trace(self._squares) / len(self._squares) or 1.0
        self._weights = np.linalg.solve(self._squares + ridge * np.eye(len(self._squares)), self._products)

    def save(self) -> bytes:
        weights = b"" if self._weights is None else self._weights.tobytes()
        return msgspec.msgpack.encode([self._squares.tobytes(), self._products.tobytes(), weights, self._known.save()])

    def restore(self, saved: bytes) -> None:
        squares, products, weights, known = msgspec.msgpack.decode(saved)
        self._products = np.frombuffer(products)
        self._squares = np.frombuffer(squares).reshape(len(self._products), len(self._products))
        self._weights = np.frombuffer(weights) if weights else None
        self._known.restore(known)


def _in_spreads(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Older values (m, n - 1) and newest (m,) from the older ones' mean, in their spreads; 0 where there was none."""
    past, newest = windows[:, :-1], windows[:, -1]
    mean = np.nanmean(past, axis=1)
    spread = np.maximum(np.nanstd(past, axis=1), 64 * np.spacing(np.abs(newest)))
    return np.nan_to_num((past - mean[:, None]) / spread[:, None]), (newest - mean) / spread


def _missed(windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    past, newest = _in_spreads(windows)
    missed: np.ndarray = np.abs(newest - (past * weights).sum(axis=1))
    return missed
