"""The files of compose/ as values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

HOUSE = Path(__file__).parents[2]
COMPOSE = HOUSE / "compose"
TEXT = (COMPOSE / "compose.yaml").read_text()


def services(name: str = "compose.yaml") -> dict[str, dict[str, Any]]:
    """The services of a file, anchors resolved, variables as they stand."""
    return yaml.safe_load((COMPOSE / name).read_text())["services"]


def defaults() -> dict[str, str]:
    lines = (COMPOSE / "default.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def variables(text: str) -> dict[str, str]:
    """Name -> what stands behind it (":?...", ":-..."), for each ${NAME...} that Compose would put in."""
    return dict(re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", text))


def stages() -> dict[str, list[tuple[str, str]]]:
    """Of the Dockerfile: name of a stage -> its instructions as (word, rest), FROM first."""
    text = re.sub(r"^\s*#.*\n", "", (COMPOSE / "python.Dockerfile").read_text(), flags=re.MULTILINE)
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            current = found.setdefault(rest.split()[-1], [])
        current.append((word, rest))
    return found
