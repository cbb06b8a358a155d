"""What the doctor found: one line a thing that was looked at, and for each fault its cure."""

from __future__ import annotations

from typing import NamedTuple

OK, WARNING, FAULT = "ok", "warning", "fault"


class Finding(NamedTuple):
    """name: what was looked at. told: what was found. cure: what to do, "" where all is well."""

    name: str
    state: str
    told: str
    cure: str = ""


def ok(name: str, told: str) -> Finding:
    return Finding(name, OK, told)


def warning(name: str, told: str, cure: str) -> Finding:
    return Finding(name, WARNING, told, cure)


def fault(name: str, told: str, cure: str) -> Finding:
    return Finding(name, FAULT, told, cure)
