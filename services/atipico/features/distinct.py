"""How many different values the window holds."""

import numpy as np

from atipico.ports import Past, any_value, with_newest


@any_value
@with_newest
def distinct(newest: np.ndarray, past: Past) -> np.ndarray:
    """How many different values the window holds, the newest's included. The field may also be a text."""
    return past.distinct
