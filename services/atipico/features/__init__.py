"""The shelf of features: what can be said of a sample from its value and what its window held before.

The name in these indexes is the name in a job file: `{ z = "amount", by = "customer", over = "7d" }`. What needs no
window is in INSTANT: `{ above = "amount", than = "usual" }`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from atipico.features.above import above
from atipico.features.calendar import day, hour, month, weekday
from atipico.features.count import count, rate
from atipico.features.deviation import difference, ratio, z
from atipico.features.distinct import distinct
from atipico.features.extremes import largest, least
from atipico.features.last import last
from atipico.features.mean import mean, total
from atipico.features.quantile import fence, median, quantile
from atipico.features.run import run, run_age
from atipico.features.since import since, since_first
from atipico.features.std import std
from atipico.ports import Feature

FEATURES: Mapping[str, Feature] = {
    "count": count,
    "difference": difference,
    "distinct": distinct,
    "fence": fence,
    "last": last,
    "max": largest,
    "mean": mean,
    "median": median,
    "min": least,
    "quantile": quantile,
    "rate": rate,
    "ratio": ratio,
    "run": run,
    "run_age": run_age,
    "since": since,
    "since_first": since_first,
    "std": std,
    "sum": total,
    "z": z,
}
INSTANT: Mapping[str, Callable[..., Any]] = {
    "above": above,
    "day": day,
    "hour": hour,
    "month": month,
    "weekday": weekday,
}
