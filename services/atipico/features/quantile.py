"""Quantiles of the window."""

import numpy as np

from atipico.errors import Refused
from atipico.ports import Past, with_newest

MOST_K = 1e6


@with_newest
def median(newest: np.ndarray, past: Past) -> np.ndarray:
    """The median of the window, the newest included; its own value for an empty one."""
    return np.where(past.samples > 0, past.quantile(0.5), newest)


@with_newest
def quantile(newest: np.ndarray, past: Past, *, q: float) -> np.ndarray:
    """The value that a share `q` of the window does not exceed, in a straight line between two of them.

    The newest included; its own value for an empty window.
    """
    check_share(q)
    return np.where(past.samples > 0, past.quantile(q), newest)


@with_newest
def fence(newest: np.ndarray, past: Past, *, k: float = 1.5) -> np.ndarray:
    """The upper fence of the window: its upper quartile and `k` times the distance between its quartiles.

    What lies above stands out from the rest, however the rest is scaled. The newest included; its own
    value for an empty window. Source: J. W. Tukey, Exploratory Data Analysis, 1977.
    """
    if isinstance(k, bool) or not isinstance(k, int | float) or not 0 <= k <= MOST_K:
        raise Refused(f"k = {k!r}: needed a number from 0 to {MOST_K:g}, such as 1.5")
    upper = past.quantile(0.75)
    return np.where(past.samples > 0, upper + k * (upper - past.quantile(0.25)), newest)


def check_share(q: float) -> None:
    """Raises Refused for what is no share."""
    if isinstance(q, bool) or not isinstance(q, int | float) or not 0 <= q <= 1:
        raise Refused(f"q = {q!r}: needed a share between 0 and 1, such as 0.9")
