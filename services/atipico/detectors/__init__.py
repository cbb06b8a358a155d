"""The shelf of detectors: how strange a sample is beside those before it, without a model and without labels.

The name in this index is the name in a job file: `detector = { gaussian = "celsius", over = 64 }`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from atipico.detectors.forecast import Forecast
from atipico.detectors.gaussian import Gaussian
from atipico.detectors.median import Median
from atipico.detectors.trend import Trend
from atipico.errors import Refused, nearest
from atipico.ports import Detector

DETECTORS: Mapping[str, Callable[..., Detector]] = {
    "forecast": Forecast,
    "gaussian": Gaussian,
    "median": Median,
    "trend": Trend,
}


def make(kind: str, **settings: Any) -> Detector:
    """A new detector, which knows nothing yet. Raises Refused for a kind or a setting that there is not."""
    if kind not in DETECTORS:
        raise Refused(f"no detector {kind!r}{nearest(kind, DETECTORS)}")
    known = inspect.signature(DETECTORS[kind]).parameters
    for name, value in settings.items():
        if name not in known:
            raise Refused(f"detector {kind} has no setting {name!r}{nearest(name, known)}")
        if type(value) not in (int, float) and not isinstance(value, type(known[name].default)):
            raise Refused(f"detector {kind}: {name} = {value!r}; a number such as {known[name].default!r} was needed")
    return DETECTORS[kind](**settings)
