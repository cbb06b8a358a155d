"""How many times what came before."""

import numpy as np

from atipico.ports import Past

MOST = 1e6


def ratio(newest: np.ndarray, past: Past) -> np.ndarray:
    """The newest value over the mean of those before it in the window.

    1 when nothing came before or when both are 0; at most 1e6 either way, also where the mean is 0.
    """
    before = np.where(past.samples > 0, past.mean, newest)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = np.where(newest == before, 1.0, newest / before)
    return np.clip(quotient, -MOST, MOST)
