"""The kinds of estimator that can be learnt, by the name that a recipe has for them."""

from __future__ import annotations

import os
from typing import Any


def _logistic_regression() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def _random_forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_jobs=threads())


def _extra_trees() -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(n_jobs=threads())


def _hist_gradient_boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier()


def _lightgbm() -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(verbose=-1, deterministic=True, force_row_wise=True, n_jobs=threads())


def _decision_tree() -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier()


def _bagging() -> Any:
    from sklearn.ensemble import BaggingClassifier

    return BaggingClassifier(_decision_tree(), n_jobs=threads())


def _ada_boost() -> Any:
    from sklearn.ensemble import AdaBoostClassifier

    return AdaBoostClassifier(_stump())


def _gradient_boosting() -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier()


def _balanced_random_forest() -> Any:
    from imblearn.ensemble import BalancedRandomForestClassifier

    return BalancedRandomForestClassifier(n_jobs=threads())


def _balanced_bagging() -> Any:
    from imblearn.ensemble import BalancedBaggingClassifier

    return BalancedBaggingClassifier(_decision_tree(), n_jobs=threads())


def _easy_ensemble() -> Any:
    from imblearn.ensemble import EasyEnsembleClassifier

    return EasyEnsembleClassifier(estimator=_ada_boost(), n_jobs=threads())


def _stump() -> Any:
    return _decision_tree().set_params(max_depth=1)


BALANCED = {
    "balanced_random_forest": _balanced_random_forest,
    "balanced_bagging": _balanced_bagging,
    "easy_ensemble": _easy_ensemble,
}  # each of their estimators sees all anomalies and as many usual rows; rows have no weights there
KINDS = {
    "logistic_regression": _logistic_regression,
    "decision_tree": _decision_tree,
    "bagging": _bagging,
    "random_forest": _random_forest,
    "extra_trees": _extra_trees,
    "ada_boost": _ada_boost,
    "gradient_boosting": _gradient_boosting,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "lightgbm": _lightgbm,
    **BALANCED,
}


def threads() -> int:
    """How many threads a training takes: OMP_NUM_THREADS, else one a core."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else os.cpu_count() or 1
