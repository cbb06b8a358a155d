"""How far from what came before, in standard deviations."""

import numpy as np

from atipico.ports import Past

MOST = 100.0


def z(newest: np.ndarray, past: Past) -> np.ndarray:
    """The newest value's distance from the mean of those before it in the window, in their standard deviations.

    0 with fewer than two before it, and for a value that equals their mean. At most 100 either way:
    beyond that it is as strange as can be, also where all that came before was one and the same value.
    """
    known = past.samples > 1
    distance = np.where(known, newest - np.where(known, past.mean, 0.0), 0.0)
    spread = np.where(known, past.spread, 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        deviations = np.where(distance == 0.0, 0.0, distance / spread)
    return np.clip(deviations, -MOST, MOST)
