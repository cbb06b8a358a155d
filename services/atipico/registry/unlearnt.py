"""Jobs that wait for their model: it is learnt from data that somebody has yet to bring."""

from __future__ import annotations

import tomllib
from pathlib import Path

from atipico.config import home
from atipico.errors import Refused


def unlearnt() -> set[str]:
    """The models that a data/<name>/learn.toml would make and that are not in models/ yet."""
    names = {str(_read(path).get("name")) for path in (home() / "data").glob("*/learn.toml")}
    return {name for name in names if not (home() / "models" / name).is_dir()}


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path} can't be read: {error}; correct it or take it out of the folder") from error
