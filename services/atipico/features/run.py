"""The unbroken run of newest entries whose value is not 0: how long, since when."""

import numpy as np

from atipico.ports import Past


def run(newest: np.ndarray, past: Past) -> np.ndarray:
    """How many of the window's newest entries have a value other than 0, without one of 0 between.

    Of labels: the anomalies known by now since the last sample that was found usual.
    """
    return past.run


def run_age(newest: np.ndarray, past: Past) -> np.ndarray:
    """How long ago the sample came that began the run, in s; 0 when there is none."""
    return past.run_age
