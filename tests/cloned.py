"""What a fresh clone has not and a used checkout has."""

from __future__ import annotations

from pathlib import Path


def learnt_here(folder: str, names: list[str]) -> set[str]:
    """Of a folder that is copied: versions of models beside the tracked first ones, and data that were got."""
    versions = Path(folder).parent.name == "models"
    return {name for name in names if (versions and name != "1") or name.endswith(".parquet")}
