"""What the cells of an executed notebook show."""

from __future__ import annotations

import re
from typing import Any

import matplotlib.font_manager  # noqa: F401 - lists the fonts once, so that no kernel complains of how long that takes


def outputs(notebook: Any) -> list[Any]:
    return [out for cell in notebook.cells for out in cell.get("outputs", [])]


def shown(notebook: Any, source: str) -> str:
    """What the one cell that has `source` in it shows, as text."""
    [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)


def pictures_of(notebook: Any) -> int:
    return sum("image/png" in out.get("data", {}) for out in outputs(notebook))


def complaints(notebook: Any) -> list[Any]:
    """What its cells wrote to standard error."""
    return [out for out in outputs(notebook) if out.get("name") == "stderr"]


def score_of(row: str, table: str) -> float:
    """The first number of a table's row."""
    [found] = re.findall(rf"^{row} +([\d.]+)", table, re.MULTILINE)
    return float(found)
