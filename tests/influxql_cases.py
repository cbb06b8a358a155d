"""Points, and statements about them, that are asked of our store and of the real InfluxDB: tests/contract/*.txt."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "contract"
LINES = (_FOLDER / "points.txt").read_text()  # no two points of one measurement have one time: every order is one
EPOCHS = ["", "ns", "u", "ms", "s", "m", "h"]


def _parts() -> list[list[str]]:
    """The statements of each part of the file; parts are divided by empty lines."""
    parts = (_FOLDER / "statements.txt").read_text().strip().split("\n\n")
    return [[line for line in part.splitlines() if not line.startswith("#")] for part in parts]


STATEMENTS, BOTH_REFUSE, REFUSED = _parts()
