"""The sum and the mean of the window."""

import numpy as np

from atipico.ports import Past, with_newest


@with_newest
def total(newest: np.ndarray, past: Past) -> np.ndarray:
    """The sum of the window in the field's unit, the newest included; 0 for an empty one."""
    return past.sum


@with_newest
def mean(newest: np.ndarray, past: Past) -> np.ndarray:
    """The mean of the window in the field's unit, the newest included; its own value for an empty one.

    Of labels: the share of anomalies among those known by now, 0 when none is.
    """
    return np.where(past.samples > 0, past.mean, newest)
