"""A table as a file, so that what was made of the data once serves every training on them."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from atipico.errors import Refused
from atipico.learn.calendar import Span
from atipico.learn.table import Table

_KEY = "key:"


def write_table(table: Table, path: Path) -> None:
    """Write a table as .npz, not compressed: it is read far more often than kept. At once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    told = {name: np.array(getattr(table, name)) for name in ("columns", "span", "label_delay", "shape")}
    arrays = {name: getattr(table, name) for name in ("time", "period", "label", "values")}
    keys = {_KEY + name: codes for name, codes in table.keys.items()}
    kind = {} if table.kind is None else {"kind": table.kind.astype(str)}
    try:
        np.savez(draft, allow_pickle=False, **{**told, **arrays, **keys, **kind})  # type: ignore[arg-type]
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_table(path: Path) -> Table:
    """The table at `path`. Raises Refused when it is no such file."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return Table(
                kept["time"],
                kept["period"],
                kept["label"],
                {name.removeprefix(_KEY): kept[name] for name in kept.files if name.startswith(_KEY)},
                tuple(kept["columns"].tolist()),
                kept["values"],
                kept["kind"] if "kind" in kept.files else None,
                Span(*kept["span"].tolist()),
                int(kept["label_delay"]),
                str(kept["shape"]),
            )
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise Refused(f"{path} can't be read: {error}; make it again with --force") from error
