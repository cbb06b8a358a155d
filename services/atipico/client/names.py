"""Names that people give, beside those that are there."""

from __future__ import annotations

from collections.abc import Iterable

from atipico.errors import Refused, nearest


class Unknown(Refused):
    """A stream, field, job, model or column that is not there (yet)."""


def known(kind: str, name: str, there: Iterable[str], where: str) -> str:
    """The name, when it is there. Raises Unknown with the nearest one, else with those that are."""
    names = sorted(there)
    if name in names:
        return name
    raise Unknown(f"no {kind} {name!r} in {where}{nearest(name, names)}")
