"""The mean of the window."""

import numpy as np

from atipico.ports import Past


def mean(newest: np.ndarray, past: Past) -> np.ndarray:
    """The mean of the window in the field's unit, the newest included; its own value when nothing came before."""
    before = np.where(past.count > 0, past.mean, newest)
    return before + (newest - before) / (past.count + 1.0)
