"""Two runs side by side: what was asked for otherwise, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from atipico.errors import Refused, nearest
from atipico.learn.run import FILE, Run
from atipico.learn.told import metrics, parameters


class Compared(NamedTuple):
    """What is the same, which settings differ, and all figures; None for what a run does not have.

    same: what both could share -> whether they do. settings, metrics: name -> the value of each.
    """

    runs: tuple[str, str]
    same: dict[str, bool]
    settings: dict[str, tuple[Any, Any]]
    metrics: dict[str, tuple[float | None, float | None]]


def find(runs: Path, name: str) -> Run:
    """A run by its id, by MODEL/RUN where two models have it, or by its folder. Raises Refused with the nearest."""
    if (folder := Path(name).resolve()).joinpath(FILE).is_file():
        return Run.find(folder.parent.parent, folder.parent.name, folder.name)
    known = {f"{path.parent.parent.name}/{path.parent.name}" for path in runs.glob(f"*/*/{FILE}")}
    found = sorted(one for one in known if name in (one, one.split("/")[1]))
    if not found:
        raise Refused(f"no run {name!r} in {runs}{nearest(name, {one.split('/')[1] for one in known})}")
    if len(found) > 1:
        raise Refused(f"run {name!r} is one of several models: {', '.join(found)}; name one of these")
    return Run.find(runs, *found[0].split("/"))


def compare(one: Run, other: Run) -> Compared:
    """What differs between two runs."""
    a, b = one.told, other.told
    same = {
        "data": a["data"]["sha256"] == b["data"]["sha256"],
        "features": a["features"] == b["features"],
        "training span": a["trained"]["span"] == b["trained"]["span"],
        "commit": a.get("commit") is not None and a.get("commit") == b.get("commit"),
    }
    settings = _both(parameters(a), parameters(b))
    differ = {name: both for name, both in settings.items() if both[0] != both[1]}
    return Compared((one.id, other.id), same, differ, _both(metrics(a), metrics(b)))


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (one.get(name), other.get(name)) for name in {**one, **other}}
