"""The smallest and the largest value of the window."""

import numpy as np

from atipico.ports import Past, with_newest


@with_newest
def least(newest: np.ndarray, past: Past) -> np.ndarray:
    """The smallest value in the window, the newest included; its own value for an empty one."""
    return np.where(past.samples > 0, past.least, newest)


@with_newest
def largest(newest: np.ndarray, past: Past) -> np.ndarray:
    """The largest value in the window, the newest included; its own value for an empty one."""
    return np.where(past.samples > 0, past.largest, newest)
