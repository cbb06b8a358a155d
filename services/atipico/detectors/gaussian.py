"""How far the newest value is from the mean of those before it."""

import numpy as np

from atipico.detectors.student import share_within


class Gaussian:
    """The share of usual values that lie nearer to the mean than the newest: 0.68 at one standard deviation.

    Mean and spread are those of the older values in the window. As these are only some, the distance follows
    Student's t (the prediction interval of a normal sample: G. J. Hahn, JASA 64, 1969), so that the share holds from
    the first windows on. Values with heavier tails than a normal distribution's are called strange too often.
    least_spread: a smaller standard deviation counts as this one, in the field's unit; for values that often stand
    still.
    """

    needs = 8

    def __init__(self, least_spread: float = 0.0) -> None:
        self._least = least_spread

    def score(self, windows: np.ndarray) -> np.ndarray:
        past, newest = windows[:, :-1], windows[:, -1]
        count = np.isfinite(past).sum(axis=1)
        mean = np.nanmean(past, axis=1)
        spread = np.maximum(np.nanstd(past, axis=1, ddof=1), self._least) * np.sqrt(1 + 1 / count)
        return share_within(deviations(newest - mean, spread, newest), count - 1)


def deviations(distance: np.ndarray, spread: np.ndarray, newest: np.ndarray) -> np.ndarray:
    """distance / spread, (m,) each; what is no more than the last digits of the newest value is no distance."""
    digits = 64 * np.spacing(np.abs(newest))
    return np.where(np.abs(distance) <= digits, 0.0, distance / np.maximum(spread, digits))
