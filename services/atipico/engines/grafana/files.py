"""The dashboards as the files that Grafana is provisioned with."""

from __future__ import annotations

import json
from pathlib import Path

from atipico.engines.grafana.dashboards import DASHBOARDS
from atipico.engines.grafana.panels import to_json


def texts() -> dict[str, str]:
    """File name -> what it holds."""
    return {f"{name}.json": json.dumps(to_json(board), indent=1) + "\n" for name, board in DASHBOARDS.items()}


def write(folder: Path) -> list[Path]:
    """Write them; returns where they are."""
    written = []
    for name, text in texts().items():
        (folder / name).write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written
