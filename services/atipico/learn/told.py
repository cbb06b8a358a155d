"""What a run tells, as flat pairs: its parameters and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def parameters(told: Mapping[str, Any]) -> dict[str, str]:
    """The recipe, one parameter a setting that it has: "estimator.0.kind"."""
    return {name: str(value) for name, value in flat(told["recipe"]) if value is not None}


def metrics(told: Mapping[str, Any]) -> dict[str, float]:
    """The threshold and the figures, of the whole and of each estimator: "average.auc", "average.spread.auc"."""
    judged = told.get("metrics", {})
    figures = {"average": judged.get("average", {}), **judged.get("by_estimator", {})}
    found = {
        name: float(value) for name, value in flat(figures) if isinstance(value, int | float) and ".by_" not in name
    }
    return {"threshold": float(told["threshold"]["value"]), **found}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of dicts and lists, each with its path: "train.warm_up", "estimator.0.kind"."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield name, value
        return
    for key, one in items:
        yield from flat(one, f"{name}.{key}" if name else str(key))
