"""Whether a value is above others of the same sample."""

import numpy as np


def above(newest: np.ndarray, *, than: list[np.ndarray]) -> np.ndarray:
    """1 where the field is larger than any of the fields or earlier features `than`, else 0."""
    told: np.ndarray = np.logical_or.reduce([newest > one for one in than]).astype(np.float64)
    return told
