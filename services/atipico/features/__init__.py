"""The shelf of features: what can be said of a sample from its value and what its window held before.

The name in this index is the name in a job file: `{ z = "amount", by = "customer", over = "7d" }`.
"""

from collections.abc import Mapping

from atipico.features.count import count
from atipico.features.mean import mean
from atipico.features.ratio import ratio
from atipico.features.z import z
from atipico.ports import Feature

FEATURES: Mapping[str, Feature] = {"count": count, "mean": mean, "ratio": ratio, "z": z}
