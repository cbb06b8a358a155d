"""Student's t: how much of what is usual lies nearer to the middle, where the spread is only known from a few."""

import math

import numpy as np


def share_within(t: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """The share of Student's t distribution between -|t| and |t|; 0 for NaN, 1 for infinity.

    t: float64 (m,). freedom: degrees of freedom, (m,), 2 or more (the error is below 5e-4 there, 1e-6 from 5 on).
    Source: G. W. Hill, Algorithm 395, Communications of the ACM 13(10), 1970: t as a normal deviate.
    """
    a = freedom - 0.5
    b = 48.0 * a * a
    with np.errstate(over="ignore", invalid="ignore"):
        y = a * np.log1p(np.minimum(t * t, 1e300) / freedom)
        correction = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b)
        z = ((correction + y + 3.0) / b + 1.0) * np.sqrt(y)
    return np.array([math.erf(one) for one in (np.nan_to_num(z) / math.sqrt(2)).tolist()])
