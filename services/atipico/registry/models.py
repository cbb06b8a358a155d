"""A model: `name@version`, loaded only when it gives what it gave when it was registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from atipico.errors import Refused
from atipico.ports import ModelInfo
from atipico.registry.calibration import Calibration
from atipico.registry.compiled import Compiled
from atipico.registry.estimator import load_estimator, raw_scores
from atipico.registry.manifest import (
    CALIBRATION,
    COMPILED,
    ESTIMATOR,
    GOLDEN,
    MANIFEST,
    Manifest,
    digest_of,
    read_manifest,
)
from atipico.wire.classify import digest

EQUAL = 1e-6  # two scores that differ by less are the same score
LARGEST = 64 * 2**20  # bytes, all files of a model together
_CURE = "its files changed since; register it again or put the folder back as it was"


class Golden(NamedTuple):
    """A few rows, float64 (n, k), and the scores, float64 (n,), that they must get."""

    rows: np.ndarray
    scores: np.ndarray

    def save(self, path: Path) -> None:
        path.write_bytes(orjson.dumps({"rows": self.rows.tolist(), "scores": self.scores.tolist()}) + b"\n")

    @classmethod
    def load(cls, path: Path, columns: int) -> Golden:
        """Raises Refused when it holds no row, or rows of another width."""
        try:
            table: Any = orjson.loads(path.read_bytes())
            rows, scores = (np.array(table[name], dtype=np.float64) for name in ("rows", "scores"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Refused(f"{path} can't be read: {error}") from error
        if not len(rows) or rows.shape != (len(scores), columns) or scores.ndim != 1:
            raise Refused(f"{path}: needed rows of {columns} numbers and a score for each; at least one row")
        return cls(rows, scores)


class Model:
    """Gives rows a score between 0 and 1. A score of `threshold` or more is an anomaly. Threads may share one."""

    def __init__(
        self,
        manifest: Manifest,
        golden: Golden,
        raw: Callable[[np.ndarray], np.ndarray],
        calibration: Calibration | None = None,
    ) -> None:
        self.manifest, self.golden = manifest, golden
        self.id, self.threshold = manifest.id, manifest.threshold
        self.columns = tuple(manifest.columns)
        self.digest = digest(self.columns)
        self.typical = _middle(self.references, manifest)
        self._raw, self._calibration = raw, calibration

    def score(self, rows: np.ndarray) -> np.ndarray:
        """rows: float64 (m, k), in the order of `columns`. Returns float64 (m,), NaN for a row that is not finite.

        Trees compare float32, as scikit-learn's do: a number beyond 3.4e38 counts as not finite.
        """
        with np.errstate(over="ignore"):
            good = np.isfinite(rows.astype(np.float32)).all(axis=1)
        if good.all():
            return self._finite(rows) if len(rows) else np.empty(0)
        scores = np.full(len(rows), np.nan)
        if good.any():
            scores[good] = self._finite(rows[good])
        return scores

    def _finite(self, rows: np.ndarray) -> np.ndarray:
        return self.of_raw(self._raw(rows))

    def of_raw(self, raw: np.ndarray) -> np.ndarray:
        """The scores that raw ones become, float64 (m,) -> (m,): shares for an unsupervised model."""
        scores: np.ndarray = np.clip(raw if self._calibration is None else self._calibration(raw), 0.0, 1.0)
        return scores

    @property
    def references(self) -> np.ndarray:
        """The golden rows that are no anomalies, float64 (r, k): samples of the training from the calmest on."""
        return self.golden.rows[self.golden.scores < self.threshold]

    def info(self) -> ModelInfo:
        return ModelInfo(self.id, self.columns, self.threshold, self.manifest.usual, self.typical)

    def check(self) -> None:
        """Raises Refused when the golden rows do not get the scores that they must get."""
        scores = self.score(self.golden.rows)
        off = np.abs(scores - self.golden.scores)
        if not (off <= EQUAL).all():
            row = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
            raise Refused(
                f"model {self.id}: golden row {row} gets {scores[row]:.9g}, it must get {self.golden.scores[row]:.9g} "
                f"within {EQUAL:g}; {_CURE}"
            )


def _middle(references: np.ndarray, manifest: Manifest) -> tuple[float, ...]:
    """Each column's median: a count stays a whole number that the model knows. The means where there is no row."""
    if not len(references):
        return tuple(manifest.usual[name][0] for name in manifest.columns)
    return tuple(np.sort(references, axis=0)[(len(references) - 1) // 2].tolist())


def load(folder: Path, largest: int = LARGEST) -> Model:
    """The model of a folder `<name>/<version>/`, seen to give its golden scores.

    largest: bytes, all its files together. Raises Refused when a file is missing, too large, damaged or not the
    one that was registered, and when a golden row gets another score.
    """
    try:
        return _loaded(folder, largest)
    except Refused:
        raise
    except Exception as error:  # whatever a damaged file makes of its reader
        raise Refused(f"model in {folder} can't be served: {type(error).__name__}: {str(error)[:200]}") from error


def _loaded(folder: Path, largest: int) -> Model:
    manifest = read_manifest(folder)
    if (folder.parent.name, folder.name) != (manifest.name, str(manifest.version)):
        raise Refused(
            f"{folder / MANIFEST} is of model {manifest.id}; it belongs into {manifest.name}/{manifest.version}"
        )
    _check_files(folder, manifest, largest)
    golden = Golden.load(folder / GOLDEN, len(manifest.columns))
    raw: Callable[[np.ndarray], np.ndarray]
    if COMPILED in manifest.files:
        raw = Compiled((folder / COMPILED).read_bytes(), len(manifest.columns))
    else:
        raw = raw_scores(load_estimator(folder / ESTIMATOR), manifest.kind)
    calibration = Calibration.load(folder / CALIBRATION) if manifest.kind == "unsupervised" else None
    model = Model(manifest, golden, raw, calibration)
    model.check()
    return model


def _check_files(folder: Path, manifest: Manifest, largest: int) -> None:
    total = 0
    for name, registered in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise Refused(f"model {manifest.id}: {path} is missing; {_CURE}")
        total += path.stat().st_size
        if total > largest:
            raise Refused(f"model {manifest.id}: its files hold more than {largest} bytes; raise `largest` to take it")
        if (found := digest_of(path)) != registered:
            raise Refused(
                f"model {manifest.id}: {path} has SHA-256 {found[:12]}…, registered {registered[:12]}…; {_CURE}"
            )
