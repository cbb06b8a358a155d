"""The value before the newest."""

import numpy as np

from atipico.ports import Past


def last(newest: np.ndarray, past: Past) -> np.ndarray:
    """The value of the window's last sample before the newest, in the field's unit; 0 when there is none.

    Of labels: that of the newest sample whose label is known by now.
    """
    return np.where(past.samples > 0, past.last, 0.0)
