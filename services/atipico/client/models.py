"""The classifier as a person asks it: rows by name go in, scores come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from atipico.answer import Answered
from atipico.client.far import Far
from atipico.client.names import Unknown, known
from atipico.errors import Refused
from atipico.wire import classify

_AT_ONCE = 8 * 2**20  # bytes of a request


class Classifier:
    """The models behind `far`."""

    def __init__(self, far: Far) -> None:
        self.far = far

    def models(self) -> dict[str, Any]:
        """{"models": [...], "refused": {id: why}, "default": name}."""
        told: dict[str, Any] = self.far.ask("GET", "/models").json()
        return told

    def model(self, name: str) -> dict[str, Any]:
        """One model: id, columns, digest, threshold, usual, ... Raises Unknown with the nearest name."""
        try:
            told: dict[str, Any] = self.far.ask("GET", f"/models/{quote(name, safe='@')}").json()
        except Answered as error:
            raise Unknown(str(error)) if error.status == 404 else error from error
        return told

    def score(self, rows: np.ndarray, model: dict[str, Any]) -> tuple[np.ndarray, float, str]:
        """Scores (m,) of float64 (m, k) rows in the order of the model's columns, its threshold and version."""
        headers = {"Content-Type": classify.CONTENT_TYPE, classify.COLUMNS: model["digest"]}
        scores, threshold, version = np.empty(len(rows)), float(model["threshold"]), str(model["id"])
        step = max(1, _AT_ONCE // (8 * rows.shape[1]))
        for first in range(0, len(rows), step):
            block = rows[first : first + step]
            answer = self.far.ask("POST", "/classify", {"model": model["id"]}, classify.to_bytes(block), headers)
            scores[first : first + step] = classify.to_scores(answer.content, len(block))
        return scores, threshold, version


def matrix(rows: Sequence[Mapping[str, Any]] | Any, model: dict[str, Any]) -> np.ndarray:
    """Rows as float64 (m, k) in the order of the model's columns. rows: one dict a row, or columns by name (DataFrame).

    What a row has besides is left aside. Raises Unknown for a column that is missing, Refused with row and column
    for what is no finite number.
    """
    laid = np.empty((len(rows), len(model["columns"])))
    for at, name in enumerate(model["columns"]):
        laid[:, at] = _column(rows, name, model["id"])
    bad = np.argwhere(~(np.abs(laid) <= np.finfo(np.float32).max))
    if len(bad):
        row, at = bad[0].tolist()
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise Refused(
            f"row {row}, {model['columns'][at]} = {laid[row, at]:g}{more}: a finite number was needed; fill or drop it"
        )
    return laid


def _column(rows: Any, name: str, model: str) -> np.ndarray:
    if hasattr(rows, "columns"):
        _check(name, rows.columns, f"the DataFrame, which {model} needs")
        values: Any = rows[name].to_numpy(dtype=object, na_value=np.nan)
    else:
        for number, row in enumerate(rows):
            if name not in row:
                _check(name, row, f"row {number}, which {model} needs")
        values = [row[name] for row in rows]
    try:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise Refused(f"column {name!r}: {error}; numbers were needed") from error


def _check(name: str, there: Any, where: str) -> None:
    known("column", name, map(str, there), where)


def swapped(error: Refused) -> bool:
    """Whether the model's columns have changed since they were asked."""
    return isinstance(error, Answered) and error.status == 409
