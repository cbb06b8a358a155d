"""The mean of the window."""

import numpy as np

from atipico.ports import Past


def mean(newest: np.ndarray, past: Past) -> np.ndarray:
    """The mean of the window in the field's unit, the newest included; its own value when nothing came before."""
    before = np.where(past.samples > 0, past.mean, newest)
    return before + (newest - before) / (past.samples + 1.0)
