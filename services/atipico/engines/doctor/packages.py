"""The packages that are installed, beside what is needed and what was tested."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from atipico.engines.doctor.finding import Finding, fault, ok, warning

_NEEDED = re.compile(r"^([A-Za-z0-9_.-]+)>=([0-9][0-9.]*)")
_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;]+)\s*(?:;.*)?$", re.M)


def packages(pins: Path, wanted: Sequence[str] | None = None) -> Finding:
    """pins: a requirements file, NAME==VERSION a line; without one only what is needed counts.

    wanted: NAME>=VERSION each; what the installed package says of itself unless given.
    """
    name = "packages"
    try:
        needed = {found[1]: found[2] for line in _wanted(wanted) if (found := _bound(line))}
    except PackageNotFoundError:
        return fault(name, "atipico itself is not installed here", "run ./up.sh, which installs it into .venv")
    wrong = [told for package, least in needed.items() if (told := _wrong(package, least))]
    if wrong:
        return fault(name, "; ".join(wrong), "run ./up.sh, which installs what is pinned, or ./setup.sh alone")
    pinned = dict(_PINNED.findall(pins.read_text())) if pins.is_file() else {}
    other = [
        f"{package} {has} (tested with {pin})"
        for package, pin in pinned.items()
        if (has := _has(package)) not in ("", pin)
    ]
    if other:
        return warning(name, f"not the versions that were tested: {', '.join(other)}", "./setup.sh installs the pins")
    return ok(name, f"{len(needed)} needed ones are there" + (f", {len(pinned)} pins hold" if pinned else ""))


def _wanted(given: Sequence[str] | None) -> Sequence[str]:
    return (requires("atipico") or ()) if given is None else given


def _bound(line: str) -> re.Match[str] | None:
    return None if "extra ==" in line else _NEEDED.match(line)


def _wrong(package: str, least: str) -> str:
    has = _has(package)
    if not has:
        return f"{package} is missing"
    return f"{package} {has} is older than {least}" if _numbers(has) < _numbers(least) else ""


def _has(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
