"""run/supervisor.json: what the supervisor knows of its parts, for those who ask."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import orjson

FORMAT = 1  # of what is told; it is told anew every second, so another one is no loss


def path(run: Path) -> Path:
    return run / "supervisor.json"


def read(run: Path) -> dict[str, Any]:
    """The last state written; {} when there is none, or none that this version understands."""
    try:
        state = orjson.loads(path(run).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return state if isinstance(state, dict) and state.get("format", 1) == FORMAT else {}


def write(run: Path, state: dict[str, Any]) -> None:
    """Put the state down at once and whole; a full disk must not end the supervisor, the state then grows old."""
    draft = path(run).with_suffix(".tmp")
    with contextlib.suppress(OSError):
        draft.write_bytes(orjson.dumps({"format": FORMAT, **state}, option=orjson.OPT_INDENT_2))
        draft.replace(path(run))
