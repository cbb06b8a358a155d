"""The newest value beside what came before it in the window: difference, ratio, standard deviations.

`to` says beside what: mean (unless told), median, min, max, or quantile with `q`.
"""

import numpy as np

from atipico.errors import Refused, nearest
from atipico.features.quantile import check_share
from atipico.ports import Past

MOST_RATIO, MOST_Z = 1e6, 100.0
_CENTRES = ("mean", "median", "min", "max", "quantile")


def difference(newest: np.ndarray, past: Past, *, to: str = "mean", q: float = 0.5) -> np.ndarray:
    """The newest value less what was before it, in the field's unit; 0 when nothing came before."""
    told: np.ndarray = newest - _centre(newest, past, to, q)
    return told


def ratio(newest: np.ndarray, past: Past, *, to: str = "mean", q: float = 0.5) -> np.ndarray:
    """The newest value over what was before it.

    1 when nothing came before or when both are 0; at most 1e6 either way, also where what was before is 0.
    """
    before = _centre(newest, past, to, q)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        quotient = np.where(newest == before, 1.0, newest / before)
    return np.clip(quotient, -MOST_RATIO, MOST_RATIO)


def z(newest: np.ndarray, past: Past, *, to: str = "mean", q: float = 0.5) -> np.ndarray:
    """The newest value's distance from what was before it, in the standard deviations of that.

    0 with fewer than two before it, and for no distance. At most 100 either way: beyond that it is as
    strange as can be, also where all that came before was one and the same value.
    """
    known = past.samples > 1
    away = past.distance(newest) if to == "mean" else newest - _centre(newest, past, to, q)
    distance = np.where(known, away, 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        deviations = np.where(distance == 0.0, 0.0, distance / np.where(known, past.spread, 1.0))
    return np.clip(deviations, -MOST_Z, MOST_Z)


def _centre(newest: np.ndarray, past: Past, to: str, q: float) -> np.ndarray:
    """What `to` says of the window; the newest itself when nothing came before."""
    if to not in _CENTRES:
        raise Refused(f"to = {to!r}: needed one of {', '.join(_CENTRES)}{nearest(to, _CENTRES)}")
    check_share(q)
    if to == "mean":
        centre = past.mean
    elif to in ("min", "max"):
        centre = past.least if to == "min" else past.largest
    else:
        centre = past.quantile(0.5 if to == "median" else q)
    return np.where(past.samples > 0, centre, newest)
