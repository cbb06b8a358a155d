"""How far the newest value is from the median of those before it."""

import numpy as np

from atipico.detectors.gaussian import deviations
from atipico.detectors.student import share_within

TO_SPREAD = 1.4826  # of a normal distribution: standard deviation / median absolute deviation
EFFICIENCY = 0.37  # so much a sample's median absolute deviation knows of the spread, beside its standard deviation


class Median:
    """As `gaussian`, but from the median, in median absolute deviations: anomalies in the window do not hide the next.

    Up to half of the window may be strange. Source: F. R. Hampel, JASA 69, 1974; the efficiency: P. J. Rousseeuw,
    C. Croux, JASA 88, 1993. least_spread: a smaller spread counts as this one, in the field's unit; for values of
    which more than half are often one and the same.
    """

    needs = 16

    def __init__(self, least_spread: float = 0.0) -> None:
        self._least = least_spread

    def score(self, windows: np.ndarray) -> np.ndarray:
        past, newest = windows[:, :-1], windows[:, -1]
        count = np.isfinite(past).sum(axis=1)
        middle = np.nanmedian(past, axis=1)
        apart = np.nanmedian(np.abs(past - middle[:, None]), axis=1)
        spread = np.maximum(TO_SPREAD * apart, self._least) * np.sqrt(1 + 1.57 / count)
        return share_within(deviations(newest - middle, spread, newest), EFFICIENCY * (count - 1))
