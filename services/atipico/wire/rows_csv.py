"""The answer of `/query` as CSV, as InfluxDB writes it: a name, its tags, then the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

TYPES = ("application/csv", "text/csv")


def csv(body: Mapping[str, Any]) -> str:
    """The text of a result object, or of an {"error"}. Statements without series are left out, errors of theirs too."""
    if "error" in body:
        return f"error\n{_cell(body['error'])}\n"
    parts = ["".join(_part(result["series"])) for result in body["results"] if result.get("series")]
    return "\n".join(parts)


def _part(series: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of one statement; a header again where the columns change."""
    shown: Sequence[str] | None = None
    for one in series:
        if one["columns"] != shown:
            yield ("\n" if shown is not None else "") + _line("name", "tags", *one["columns"])
            shown = one["columns"]
        tags = ",".join(f"{_escaped(key)}={_escaped(value)}" for key, value in one.get("tags", {}).items() if value)
        for row in one.get("values", ()):
            yield _line(one.get("name", ""), tags, *map(_shown, row))


def _line(*cells: str) -> str:
    return ",".join(map(_cell, cells)) + "\n"


def _cell(text: str) -> str:
    """In quotes where it must be, as Go's encoder does it."""
    if text == "\\." or text[:1].isspace() or any(char in text for char in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")  # no exponents
        return plain.removesuffix(".0")
    return str(value)


def _escaped(text: str) -> str:
    return "".join("\\" + char if char in ", =" else char for char in text)
