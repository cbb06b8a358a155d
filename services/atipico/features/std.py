"""How far the values of the window spread."""

import numpy as np

from atipico.ports import Past, with_newest


@with_newest
def std(newest: np.ndarray, past: Past) -> np.ndarray:
    """The standard deviation (n - 1) of the window in the field's unit, the newest included; 0 below two samples."""
    return np.where(past.samples > 1, past.spread, 0.0)
