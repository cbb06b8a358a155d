"""How far the newest value is from the straight line through those before it."""

import numpy as np

from atipico.detectors.gaussian import deviations
from atipico.detectors.student import share_within


class Trend:
    """The share of usual values that lie nearer to the line than the newest: a rise is usual, a break in it is not.

    The line is the least-squares one through the older values in the window, each a step from the next; the newest is
    held against its prediction interval, wider than the spread about the line as the line is only estimated
    (N. R. Draper, H. Smith, Applied Regression Analysis, 3rd ed. 1998, 3.1). Good for what drifts or swings slowly
    beside the window. least_spread: a smaller spread about the line counts as this one, in the field's unit.
    """

    needs = 8

    def __init__(self, least_spread: float = 0.0) -> None:
        self._least = least_spread

    def score(self, windows: np.ndarray) -> np.ndarray:
        past, newest = windows[:, :-1], windows[:, -1]
        there = np.isfinite(past)
        count = there.sum(axis=1)
        steps = np.where(there, np.arange(past.shape[1], dtype=np.float64), np.nan)
        x = steps - np.nanmean(steps, axis=1)[:, None]  # steps from the middle of what is there
        middle = np.nanmean(past, axis=1)
        y = past - middle[:, None]
        of_x = np.nansum(x * x, axis=1)
        slope = np.nansum(x * y, axis=1) / of_x
        ahead = x[:, -1] + 1.0
        about = np.nansum((y - slope[:, None] * x) ** 2, axis=1) / (count - 2)
        spread = np.maximum(np.sqrt(about), self._least) * np.sqrt(1 + 1 / count + ahead**2 / of_x)
        return share_within(deviations(newest - (middle + slope * ahead), spread, newest), count - 2)
