"""A compiled estimator gives the library's own numbers, also where a number lies just on a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.ensemble import BalancedBaggingClassifier, BalancedRandomForestClassifier, EasyEnsembleClassifier
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from atipico.learn.average import compile_average
from atipico.learn.tree_readers import as_float32_compares, of_histogram, of_lightgbm, of_sklearn
from atipico.registry.compiled import Compiled

ESTIMATORS = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "forest": lambda: RandomForestClassifier(20, max_depth=9, random_state=0),
    "weighted forest": lambda: RandomForestClassifier(10, max_depth=9, class_weight="balanced", random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(20, max_depth=9, random_state=0),
    "tree": lambda: DecisionTreeClassifier(max_depth=9, random_state=0),
    "bagging": lambda: BaggingClassifier(n_estimators=10, max_features=4, random_state=0),
    "bagging of few": lambda: BaggingClassifier(n_estimators=10, max_samples=6, random_state=0),
    "bagging of forests": lambda: BaggingClassifier(RandomForestClassifier(3, max_depth=3), 3, random_state=0),
    "voting": lambda: VotingClassifier(
        [("line", LogisticRegression()), ("tree", DecisionTreeClassifier(max_depth=5)), ("none", "drop")],
        voting="soft",
        weights=[1, 3, 5],
    ),
    "ada boost": lambda: AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=20, random_state=0),
    "boosting": lambda: GradientBoostingClassifier(n_estimators=30, random_state=0),
    "balanced forest": lambda: BalancedRandomForestClassifier(20, max_depth=9, random_state=0),
    "balanced bagging": lambda: BalancedBaggingClassifier(n_estimators=10, random_state=0),
    "easy ensemble": lambda: EasyEnsembleClassifier(n_estimators=3, random_state=0),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=30, random_state=0),
    "lightgbm": lambda: LGBMClassifier(n_estimators=40, num_threads=1, verbose=-1, random_state=0),
    "another slope": lambda: LGBMClassifier(n_estimators=9, sigmoid=1.7, num_threads=1, verbose=-1),
    "isolation": lambda: IsolationForest(n_estimators=20, max_samples=64, random_state=0),
}
CAN_MISS = ("forest", "histogram", "lightgbm")


def samples(rows: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns of very different size, some of whole numbers with many zeros, and what depends on them."""
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(rows, 6))
    truth = plain[:, 0] + plain[:, 3] * plain[:, 4] + rng.normal(size=rows) > 1.5
    known = plain * 10.0 ** np.array([0, 0, -3, 5, 1, 7])
    known[:, :2] = np.round(plain[:, :2] * 2)
    return known, truth


def on_the_edge(known: np.ndarray, splits: list[tuple[int, float]]) -> np.ndarray:
    """Rows with one number at a threshold, or a step of float64 or float32 beside it, or half way between those."""
    rng, rows = np.random.default_rng(1), []
    for feature, threshold in splits:
        near = np.float32(threshold)
        around = [near, *(np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf))]
        marks = [threshold, *map(float, around), *((float(near) + float(other)) / 2 for other in around[1:])]
        for mark in marks:
            for number in (mark, np.nextafter(mark, -np.inf), np.nextafter(mark, np.inf)):
                rows.append(known[rng.integers(len(known))].copy())
                rows[-1][feature] = number
    return np.array(rows)


def splits_of(estimator) -> list[tuple[int, float]]:
    if hasattr(estimator, "tree_"):
        return own_splits(estimator)
    if hasattr(estimator, "booster_"):
        trees = of_lightgbm(estimator.booster_.model_to_string())
    elif hasattr(estimator, "_predictors"):
        trees = (of_histogram(one.nodes) for (one,) in estimator._predictors)
    else:
        inner = (
            estimator.estimators_.ravel() if isinstance(estimator, GradientBoostingClassifier) else inside(estimator)
        )
        columns = getattr(estimator, "estimators_features_", [np.arange(6)] * len(inner))
        return [(of[at], split) for one, of in zip(inner, columns, strict=True) for at, split in own_splits(one)]
    return [
        (feature, threshold)
        for one in trees
        for feature, threshold, left in zip(one.feature, one.threshold, one.left, strict=True)
        if left >= 0
    ]


def inside(estimator) -> list:
    """What it is made of, without the samplers that chose its rows."""
    return [one[-1] if isinstance(one, Pipeline) else one for one in getattr(estimator, "estimators_", [])]


def own_splits(one) -> list[tuple[int, float]]:
    if not hasattr(one, "tree_"):
        return splits_of(one)
    splits = zip(one.tree_.feature, one.tree_.threshold, strict=True)
    return [split for split in splits if split[0] >= 0]


def own(estimator, rows: np.ndarray) -> np.ndarray:
    if isinstance(estimator, IsolationForest):
        return -estimator.score_samples(rows)
    return estimator.predict_proba(rows)[:, 1]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_compiled_estimator_gives_the_librarys_own_numbers(name):
    known, truth = samples()
    estimator = ESTIMATORS[name]().fit(known, truth)
    splits = [splits_of(estimator)[at] for at in range(0, len(splits_of(estimator)), 7)]
    rows = np.concatenate([known, samples(2000, seed=5)[0] * 3, *([on_the_edge(known, splits)] if splits else [])])

    compiled = Compiled(compile_average([estimator], 6), 6)

    assert np.abs(compiled(rows) - own(estimator, rows)).max() < 1e-9


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", CAN_MISS)
def test_a_number_that_is_missing_goes_where_the_library_sends_it(name):
    known, truth = samples()
    known[np.random.default_rng(3).random(known.shape) < 0.1] = np.nan
    estimator = ESTIMATORS[name]().fit(known, truth)

    compiled = Compiled(compile_average([estimator], 6), 6)

    assert np.abs(compiled(known) - own(estimator, known)).max() < 1e-9


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_mean_of_estimators_is_the_mean_of_what_they_give():
    known, truth = samples()
    members = [ESTIMATORS[name]().fit(known, truth) for name in ("forest", "histogram", "lightgbm", "logistic")]
    shares = [0.5, 0.25, 0.15, 0.1]

    compiled = Compiled(compile_average(members, 6, shares), 6)

    means = sum(share * own(member, known) for share, member in zip(shares, members, strict=True))
    assert np.abs(compiled(known) - means).max() < 1e-9


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_booster_without_a_single_split_is_compiled():
    known, _ = samples(50)
    estimator = LGBMClassifier(n_estimators=3, verbose=-1).fit(known, np.arange(50) % 2)

    assert Compiled(compile_average([estimator], 6), 6)(known) == pytest.approx(own(estimator, known), abs=1e-9)


@settings(max_examples=200)
@given(st.floats(-1e30, 1e30), st.integers(-3, 3))
def test_a_threshold_for_float64_compares_as_the_one_for_float32(threshold, steps):
    """given a threshold and a number a few steps of float32, or half a step, beside it"""
    near = np.float32(threshold)
    for _ in range(abs(steps)):
        near = np.nextafter(near, np.float32(np.copysign(np.inf, steps)))
    half = (float(near) + float(np.nextafter(near, np.float32(np.inf)))) / 2

    (moved,) = as_float32_compares(np.array([threshold]))

    for number in (float(near), half, np.nextafter(half, np.inf), np.nextafter(half, -np.inf)):
        assert (number <= moved) == (float(np.float32(number)) <= threshold)


def test_comparing_float64_with_the_forests_own_thresholds_would_go_wrong():
    """The control: without the moved thresholds numbers of float64 just above one take the other way."""
    known, truth = samples()
    tree = ESTIMATORS["forest"]().fit(known, truth).estimators_[0].tree_
    moved = of_sklearn(tree, tree.value[:, 0, 1]).threshold[tree.children_left >= 0]
    kept = tree.threshold[tree.children_left >= 0]

    number = np.nextafter(kept, np.inf)

    assert ((number.astype(np.float32) <= kept) == (number <= moved)).all()
    assert not ((number.astype(np.float32) <= kept) == (number <= kept)).all()


def test_what_can_not_be_compiled_is_refused_with_its_reason():
    known, truth = samples(300)
    categories = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(
        np.abs(known) % 5, known[:, 0] % 2 == 0
    )

    with pytest.raises(ValueError, match="categories"):
        compile_average([categories], 6)
    with pytest.raises(ValueError, match="objective 'regression'"):
        compile_average([LGBMRegressor(n_estimators=2, verbose=-1).fit(known, truth)], 6)
    with pytest.raises(ValueError, match="3 classes"):
        compile_average([LogisticRegression().fit(known, np.arange(300) % 3)], 6)
    with pytest.raises(ValueError, match="StandardScaler is none"):
        compile_average([StandardScaler().fit(known)], 6)
    with pytest.raises(ValueError, match="no trees"):
        compile_average([AdaBoostClassifier(LogisticRegression(), n_estimators=2).fit(known, truth)], 6)
    with pytest.raises(ValueError, match="columns of their own"):
        compile_average([BaggingClassifier(LogisticRegression(), n_estimators=2, max_features=3).fit(known, truth)], 6)
    with pytest.raises(ValueError, match="begins with a LogisticRegression"):
        compile_average([GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()).fit(known, truth)], 6)
