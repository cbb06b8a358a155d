"""Names that people give, beside those that are there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from atipico.errors import Refused

_TOLD = 12  # names that an error lists at most


class Unknown(Refused):
    """A stream, field, job, model or column that is not there (yet)."""


def known(kind: str, name: str, there: Iterable[str], where: str = "") -> str:
    """The name, when it is there. Raises Unknown with the nearest one, else with those that are."""
    names = sorted(there)
    if name in names:
        return name
    raise Unknown(f"no {kind} {name!r}{where and ' in '}{where}{_nearest(name, names)}")


def _nearest(name: str, names: list[str]) -> str:
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean {close[0]!r}?"
    if not names:
        return "; there is none yet"
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return f"; there is {', '.join(names[:_TOLD])}{more}"
