"""ARFF, the text format of OpenML, as CSV: its attributes become the header, its rows stay rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from atipico.errors import Refused
from atipico.learn.progress import Step

_ATTRIBUTE = re.compile(r"@attribute\s+(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|(\S+))\s", re.IGNORECASE)

_SIGN = re.compile("['\"]")


def arff_to_csv(arff: Path, out: Path, step: Step) -> int:
    """Write the rows of an ARFF file as CSV; returns how many. A value that is not known, ?, becomes an empty cell.

    step: counts bytes, as far as they are ASCII.

    Raises Refused for what is no ARFF, has rows of other lengths, or is sparse.
    """
    rows = 0
    try:
        with arff.open(encoding="utf-8", newline="") as file, out.open("w", encoding="utf-8", newline="") as made:
            names, write = _names(file, arff), csv.writer(made)
            write.writerow(names)
            for row in csv.reader(
                _data(file, arff, step), quotechar=_quote(arff), escapechar="\\", skipinitialspace=True
            ):
                rows += 1
                if len(row) != len(names):
                    raise Refused(f"{arff}: row {rows} has {len(row)} values, needed {len(names)}")
                write.writerow("" if cell == "?" else cell for cell in row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{arff}: no ARFF: {error}") from error
    return rows


def _names(file: TextIO, arff: Path) -> list[str]:
    names: list[str] = []
    for line in file:
        if line.strip().lower() == "@data":
            return names
        if found := _ATTRIBUTE.match(line.strip() + " "):
            names.append(next(name for name in found.groups() if name is not None))
    raise Refused(f"{arff}: no line @data; is it ARFF?")


def _data(file: TextIO, arff: Path, step: Step) -> Iterator[str]:
    step(0, arff.stat().st_size)
    for line in file:
        step(len(line))
        if not line.strip() or line.startswith("%"):
            continue
        if line.startswith("{"):
            raise Refused(f"{arff}: its rows are sparse, {line[:40].strip()!r}; only full rows are read")
        yield line


def _quote(arff: Path) -> str:
    """The sign that this file puts texts between: the first that its rows have."""
    with arff.open(encoding="utf-8") as file:
        _names(file, arff)
        return next((found[0] for line in file if (found := _SIGN.search(line))), "'")
