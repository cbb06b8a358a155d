"""The estimator itself, for a model without a compiled form. Only here does serving touch scikit-learn."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from atipico.errors import Refused

# What a model file may be made of beside what skops knows to be harmless. Written by hand, type by type:
# whatever else a file asks for is refused, and never taken from the file's own list.
ALLOWED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.utils._bunch.Bunch",
    "imblearn.ensemble._bagging.BalancedBaggingClassifier",
    "imblearn.ensemble._easy_ensemble.EasyEnsembleClassifier",
    "imblearn.ensemble._forest.BalancedRandomForestClassifier",
    "imblearn.pipeline.Pipeline",
    "imblearn.under_sampling._prototype_selection._random_under_sampler.RandomUnderSampler",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
LARGEST_UNPACKED = 512 * 2**20
_CURE = "a model file is made of estimators of scikit-learn and imbalanced-learn; register the model with one of those"


def load_estimator(path: Path) -> Any:
    """The estimator of a skops file. Raises Refused when it is damaged, too large, or made of other types than ours."""
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_UNPACKED:
            raise Refused(f"{path} unpacks to {unpacked} bytes; at most {LARGEST_UNPACKED} are taken")
        return skops.io.load(path, trusted=list(ALLOWED))
    except Refused:
        raise
    except UntrustedTypesFoundException as error:
        raise Refused(f"{path} holds types that are not on the allow-list: {error}; {_CURE}") from error
    except Exception as error:  # whatever a damaged file makes of the reader
        raise Refused(f"{path} can't be read: {type(error).__name__}: {str(error)[:200]}") from error


def raw_scores(estimator: Any, kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """The function that gives an estimator's raw scores: rows float64 (m, k) -> float64 (m,), larger is stranger."""
    if kind == "supervised":
        return lambda rows: np.asarray(estimator.predict_proba(rows), dtype=np.float64)[:, 1]
    return lambda rows: -np.asarray(estimator.score_samples(rows), dtype=np.float64)
