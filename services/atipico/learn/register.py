"""Register a fitted estimator: its folder appears once its compiled form was seen to give its own scores."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from atipico.errors import Refused
from atipico.learn.compile import compile_estimator, is_exact
from atipico.learn.ensembles import Ensemble
from atipico.registry.calibration import Calibration
from atipico.registry.compiled import Compiled
from atipico.registry.estimator import raw_scores
from atipico.registry.manifest import (
    CALIBRATION,
    CARD,
    COMPILED,
    ESTIMATOR,
    GOLDEN,
    MANIFEST,
    Manifest,
    digest_of,
    write_manifest,
)
from atipico.registry.models import EQUAL, Golden, Model, load
from atipico.registry.shelf import versions

GOLDEN_ROWS = 12
EXACT = 1e-9  # how far a form in float64 may be off


class Trained(NamedTuple):
    """A fitted estimator and what must be known of it.

    kind: "supervised" (has predict_proba; class 1 is the anomaly) or "unsupervised" (has score_samples). The estimator
    may be an Ensemble, of which the compiled form alone is kept.
    known: float64 (n, k), rows of the training as it sees them live; unsupervised scores are shares of
    these, and the compiled form is compared on them. usual: those of `known` that are no anomalies (n,), bool.
    card: what a person should read, in Markdown.
    """

    name: str
    kind: str
    estimator: Any
    columns: Sequence[str]
    known: np.ndarray
    usual: np.ndarray
    threshold: float
    metrics: Mapping[str, float]
    card: str
    trained_on: str
    made_by: str


def register(trained: Trained, folder: Path, compiled: bool = True) -> Model:
    """Write the next version of a model under `folder` and return it as it will be served.

    compiled: False keeps the estimator alone; serving it then needs scikit-learn. All files appear at
    once or none. Raises Refused when the estimator can't be compiled, or its compiled form gives other scores.
    """
    home = folder / trained.name
    home.mkdir(parents=True, exist_ok=True)
    version = 1 + max((int(path.name) for path in versions(folder) if path.parent == home), default=0)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as draft:
        made = Path(draft) / trained.name / str(version)
        made.mkdir(parents=True)
        _write(trained, version, made, compiled)
        load(made)
        made.rename(home / str(version))
    return load(home / str(version))


def _write(trained: Trained, version: int, made: Path, compiled: bool) -> None:
    import skops.io

    raw = raw_scores(trained.estimator, trained.kind)(trained.known)
    calibration = Calibration.of(raw) if trained.kind == "unsupervised" else None
    scores = raw if calibration is None else calibration(raw)
    if compiled:
        (made / COMPILED).write_bytes(_compiled(trained, raw))
    if calibration is not None:
        calibration.save(made / CALIBRATION)
    golden = np.unique(np.argsort(scores, kind="stable")[np.linspace(0, len(scores) - 1, GOLDEN_ROWS).astype(int)])
    Golden(trained.known[golden], scores[golden]).save(made / GOLDEN)
    if not isinstance(trained.estimator, Ensemble):  # whose members stay in the folder of their run
        skops.io.dump(trained.estimator, made / ESTIMATOR, compression=8, compresslevel=9)  # 8: deflate
    (made / CARD).write_text(trained.card.strip() + "\n", encoding="utf-8")
    usual = trained.known[trained.usual]
    manifest = Manifest.model_validate(
        {
            "name": trained.name,
            "version": version,
            "kind": trained.kind,
            "columns": list(trained.columns),
            "threshold": float(trained.threshold),
            "made_by": trained.made_by,
            "trained_on": trained.trained_on,
            "metrics": dict(trained.metrics),
            "usual": {
                name: (float(f"{mean:.6g}"), float(f"{spread:.6g}"))
                for name, mean, spread in zip(trained.columns, usual.mean(axis=0), usual.std(axis=0), strict=True)
            },
            "files": {path.name: digest_of(path) for path in sorted(made.iterdir()) if path.name != MANIFEST},
        }
    )
    write_manifest(made, manifest)


def _compiled(trained: Trained, raw: np.ndarray) -> bytes:
    """The compiled form that gives the estimator's own scores: from float32 rows, else from float64 ones."""
    equal = EXACT if is_exact(trained.estimator) else EQUAL
    try:
        for double in (False, True):
            graph = compile_estimator(trained.estimator, len(trained.columns), double)
            off = float(np.abs(Compiled(graph, len(trained.columns))(trained.known) - raw).max())
            if off <= equal:
                return graph
    except Exception as error:  # what a converter raises has no common base
        why = " ".join(str(error).split())[:200]
        raise Refused(
            f"model {trained.name}: {type(trained.estimator).__name__} can't be compiled: {why}; "
            "register it with compiled=False, it is then served by scikit-learn itself"
        ) from error
    raise Refused(
        f"model {trained.name}: its compiled form is off by {off:.3g} on {len(raw)} rows, at most {equal:g} is taken; "
        "register it with compiled=False"
    )
