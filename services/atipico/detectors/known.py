"""How strange the samples known so far were, and what share of them was less strange than another."""

import numpy as np

MOST = 2**14  # the last so many; a share can't pass MOST / (MOST + 1)


class Known:
    """Turns a strangeness of any scale into a share, without a word about its distribution.

    Source: R. Laxhammar, G. Falkman, Conformal prediction for distribution-independent anomaly detection in streaming
    vessel data, StreamKDD 2010.
    """

    def __init__(self) -> None:
        self._last = np.empty(0)  # in the order they came
        self._sorted = self._last

    def share_below(self, strangeness: np.ndarray) -> np.ndarray:
        """(m,): of those known and the one itself, the share that is less strange than it."""
        return np.searchsorted(self._sorted, strangeness) / (len(self._sorted) + 1)

    def add(self, strangeness: np.ndarray) -> None:
        """Know these too; the oldest beyond MOST are forgotten."""
        self._last = np.concatenate([self._last, strangeness])[-MOST:]
        self._sorted = np.sort(self._last)

    def save(self) -> bytes:
        return self._last.tobytes()

    def restore(self, saved: bytes) -> None:
        """Know what `save` told of and nothing else."""
        self._last = np.frombuffer(saved)
        self._sorted = np.sort(self._last)
