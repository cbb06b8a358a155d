"""How long ago the window's newest and oldest entries came."""

import numpy as np

from atipico.ports import Past, any_value

NEVER = 1e9  # s, for an empty window that counts samples and so has no duration; 30 years


@any_value
def since(newest: np.ndarray, past: Past) -> np.ndarray:
    """How long ago the last sample before it came, in s; the window's duration when there is none.

    Of labels: the age of the newest sample whose label is known by now.
    """
    return np.where(past.samples > 0, past.newest_age, min(past.reach, NEVER))


@any_value
def since_first(newest: np.ndarray, past: Past) -> np.ndarray:
    """How long ago the window's oldest sample came, in s; the window's duration when there is none."""
    return np.where(past.samples > 0, past.oldest_age, min(past.reach, NEVER))
