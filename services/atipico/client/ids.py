"""What names a sample: which field, and the same id however a person or a file writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atipico.client.names import known
from atipico.errors import Refused
from atipico.wire.sample import ID_FIELDS, Value


def find_id_field(stream: str, fields: Mapping[str, str], given: str = "") -> str:
    """The field that names a sample of a stream. Raises Refused where it is not there, or nothing tells which it is."""
    if given:
        return known("field", given, fields, f"stream {stream!r}")
    for name in ID_FIELDS:
        if name in fields:
            return name
    raise Refused(
        f"which field names a sample of {stream!r}? id_field (--id-field) tells; there are {', '.join(sorted(fields))}"
    )


def as_id(id: Any, kind: str) -> Value:
    """An id in the type that its field has in the store. Raises Refused where it is none."""
    text = "" if id is None or id != id else str(id.item() if hasattr(id, "item") else id).strip()
    if kind == "string" and text:
        return text
    try:
        number = int(text) if text.lstrip("+-").isdecimal() else float(text)
        if kind == "float":
            return float(number)
        if number == int(number) and -(2**63) <= number < 2**63:
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise Refused(f"an id of type {kind} was needed")
