"""What must and what must not be flagged: a small table beside a model, its unit test."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.wire.sample import Score

_COLUMNS = ("id", "flagged")
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Difference(NamedTuple):
    """id: of the sample. flagged: what was expected. score: what it got, None where it is not among those told."""

    id: str
    flagged: bool
    score: Score | None

    def __str__(self) -> str:
        wanted = "must be flagged" if self.flagged else "must not be flagged"
        if self.score is None:
            return f"{self.id}: {wanted}; no such id among the rows that were told"
        found = f"score {self.score.score:.4g}, threshold {self.score.threshold:.4g}"
        if not self.score.scored:
            found = "not scored"
        return f"{self.id}: {wanted}; {found}" + (f", {self.score.why}" if self.score.why else "")


class Expected:
    """Gets the outcomes as Results does, and keeps those of the ids that something is expected of."""

    def __init__(self, path: Path) -> None:
        """path: CSV with the columns id and flagged (true or false). Raises Refused with the line that is wrong."""
        self.flagged: dict[str, bool] = {}
        self._found: dict[str, Score] = {}
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                if missing := [name for name in _COLUMNS if name not in (rows.fieldnames or ())]:
                    raise Refused(f"{path}: no column {missing[0]}; needed {' and '.join(_COLUMNS)}")
                for row in rows:
                    self._expect(f"{path}, line {rows.line_num}", row["id"], row["flagged"])
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise Refused(f"{path} can't be read: {error}") from error
        if not self.flagged:
            raise Refused(f"{path}: nothing is expected; needed one row or more")

    def _expect(self, where: str, id: str | None, flagged: str | None) -> None:
        word = (flagged or "").strip().lower()
        if not id or word not in _WORDS:
            raise Refused(f"{where}: id {id!r}, flagged {flagged!r}; needed an id and true or false")
        if self.flagged.setdefault(id.strip(), _WORDS[word]) != _WORDS[word]:
            raise Refused(f"{where}: id {id!r} must and must not be flagged")

    def put(self, ids: np.ndarray, times: np.ndarray, scores: Sequence[Score]) -> None:
        """Look at rows. An id that comes twice counts as flagged when one of its rows is."""
        for id, score in zip(map(str, ids.tolist()), scores, strict=True):
            if id in self.flagged and not (id in self._found and self._found[id].anomalous):
                self._found[id] = score

    def differ(self) -> list[Difference]:
        """The samples that are not as expected, in the order of the file."""
        found = self._found
        all_of_them = [Difference(id, flagged, found.get(id)) for id, flagged in self.flagged.items()]
        return [one for one in all_of_them if one.score is None or one.score.anomalous != one.flagged]
