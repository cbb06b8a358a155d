"""Times of queries: read from text, and shown as RFC 3339 or as whole units since 1970."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from atipico.errors import Refused

FIRST, LAST = -(2**63) + 2, 2**63 - 2  # the times that InfluxDB knows, ns
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ns": 1, "u": 10**3, "µ": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DATED = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ ](\d\d:\d\d:\d\d)(\.\d{1,9})?|T(\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d))?"
)


def looks_like(text: str) -> bool:
    """Whether a text is meant as a time."""
    return _DATED.match(text) is not None


def read(text: str) -> int:
    """The ns of '2020-01-01', '2020-01-01 00:00:00[.fff]' or RFC 3339. Raises Refused for anything else."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise Refused("invalid timestamp string")
    day, clock, zone = found[1], found[2] or found[4] or "00:00:00", found[6] or "Z"
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{zone.replace('Z', '+00:00')}")
    except ValueError as error:
        raise Refused("invalid timestamp string") from error
    fraction = (found[3] or found[5] or ".0")[1:].ljust(9, "0")
    return (whole - _EPOCH) // timedelta(seconds=1) * 10**9 + int(fraction)


def rfc3339(ns: int) -> str:
    """As Go's RFC3339Nano prints it: no trailing zeros in the fraction, `Z`."""
    seconds, rest = divmod(ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def shown(epoch: str | None) -> Callable[[int], int | str]:
    """How times are shown for the parameter `epoch`; a unit that is not known means ns, as in InfluxDB."""
    if not epoch:
        return rfc3339
    unit = _UNITS.get(epoch, 1)
    return lambda ns: ns // unit if ns >= 0 else -(-ns // unit)  # towards zero, as Go divides
