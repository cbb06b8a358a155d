"""How many samples the window holds."""

import numpy as np

from atipico.ports import Past


def count(newest: np.ndarray, past: Past) -> np.ndarray:
    """How many samples the window holds, the newest included; 1 when nothing came before."""
    return past.samples + 1.0
