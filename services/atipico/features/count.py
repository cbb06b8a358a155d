"""How many samples the window holds, and how many come in a second."""

import numpy as np

from atipico.ports import Past, with_newest


@with_newest
def count(newest: np.ndarray, past: Past) -> np.ndarray:
    """How many samples the window holds, the newest included; 1 when nothing came before."""
    return past.samples


@with_newest
def rate(newest: np.ndarray, past: Past) -> np.ndarray:
    """Samples a second: their count over the window's duration, or over the time since the oldest of the last n.

    The newest is included; 0 where no time has passed.
    """
    passed = np.where(np.isfinite(past.reach), past.reach, np.nan_to_num(past.oldest_age))
    told: np.ndarray = np.divide(past.samples, passed, out=np.zeros(len(newest)), where=passed > 0)
    return told
