"""Parts of what is stacked or calibrated: the Shapley values of what is told, which becomes the score."""

from __future__ import annotations

import numpy as np
import pytest
from imblearn.ensemble import EasyEnsembleClassifier
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from atipico.learn.average import compile_average
from atipico.learn.combine import CALIBRATIONS, Stacking, log_odds
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.graph_reader import read_graph
from atipico.learn.shapley import orders_of, over_orders
from explaining import by_definition, registered, samples, steps_of


def boosting():
    return LGBMClassifier(n_estimators=12, num_leaves=5, num_threads=1, verbose=-1)


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression())


def forest():
    return RandomForestClassifier(12, max_depth=5, random_state=0)


def ensemble(*made, stacked: bool = False, calibrate: str | None = None) -> Ensemble:
    """Of trained estimators; what combines them is taught on rows that trained none."""
    known, truth = samples()
    here, apart = slice(0, 800), slice(800, None)
    members = [Member(str(at), str(at), 1 / len(made), of.fit(known[here], truth[here])) for at, of in enumerate(made)]
    found = Ensemble(members)
    likely = np.column_stack([one.estimator.predict_proba(known[apart])[:, 1] for one in members])
    if stacked:
        found = found._replace(stacking=Stacking.learn(likely, truth[apart]))
    if calibrate:
        found = found._replace(calibration=CALIBRATIONS[calibrate].learn(found.combined(likely), truth[apart]))
    return found


def by_all_orders(value, row, references) -> np.ndarray:
    return np.mean([by_definition(value, row, one) for one in references], axis=0)


def test_parts_of_a_stacking_of_log_odds_are_shapley_values_by_their_definition(tmp_path):
    explainer = registered(ensemble(boosting(), logistic(), stacked=True), tmp_path)
    known, _ = samples()

    (told,) = explainer.of(known[:1])

    expected = by_all_orders(lambda rows: log_odds(explainer.model.score(rows)), known[0], explainer.references)
    np.testing.assert_allclose(told.parts, expected, atol=1e-6)
    assert told.unit == "log-odds"
    assert 1 / (1 + np.exp(-told.base - told.parts.sum())) == pytest.approx(told.score, abs=1e-9)


@pytest.mark.parametrize("calibrate", CALIBRATIONS)
@pytest.mark.parametrize(
    ("made", "stacked", "unit"),
    [([forest], False, "probability"), ([boosting], False, "log-odds"), ([boosting, logistic], True, "log-odds")],
    ids=["forest", "boosting", "stacked"],
)
def test_parts_of_what_is_calibrated_are_shapley_values_of_what_the_calibration_takes(
    tmp_path, calibrate, made, stacked, unit
):
    combined = ensemble(*(one() for one in made), stacked=stacked, calibrate=calibrate)
    explainer = registered(combined, tmp_path)
    known, truth = samples()
    row = known[truth][0]

    (told,) = explainer.of(row[None])

    def taken(rows: np.ndarray) -> np.ndarray:
        likely = combined._replace(calibration=None).predict_proba(rows)[:, 1]
        return log_odds(likely) if unit == "log-odds" else likely

    expected = by_all_orders(taken, row, explainer.references)
    np.testing.assert_allclose(told.parts, expected, atol=1e-6)
    assert told.unit == f"{unit}, before the calibration"
    before = told.base + told.parts.sum()
    likely = 1 / (1 + np.exp(-before)) if unit == "log-odds" else before
    assert combined.calibration(np.array([likely]))[0] == pytest.approx(told.score, abs=1e-9)
    likely = combined._replace(calibration=None).predict_proba(known[:50])[:, 1]
    assert np.abs(likely - explainer.model.score(known[:50])).max() > 0.01  # the control: it is not the score itself


def test_parts_of_a_mean_of_several_kinds_are_shapley_values_of_the_score(tmp_path):
    explainer = registered(ensemble(boosting(), forest(), logistic()), tmp_path)
    known, truth = samples()

    (told,) = explainer.of(known[truth][:1])

    expected = by_all_orders(explainer.model.score, known[truth][0], explainer.references)
    np.testing.assert_allclose(told.parts, expected, atol=1e-9)
    assert told.unit == "score"


def test_parts_of_a_forest_in_a_stacking_are_shapley_values_of_its_log_odds(tmp_path):
    combined = ensemble(boosting(), forest(), stacked=True, calibrate="isotonic")
    explainer = registered(combined, tmp_path)
    known, truth = samples()

    (told,) = explainer.of(known[truth][:1])

    def stacked(rows: np.ndarray) -> np.ndarray:
        likely = np.column_stack([one.estimator.predict_proba(rows)[:, 1] for one in combined.members])
        return log_odds(likely) @ np.array(combined.stacking.slopes) + combined.stacking.offset

    expected = by_all_orders(stacked, known[truth][0], explainer.references)
    np.testing.assert_allclose(told.parts, expected, atol=1e-6)
    assert told.unit == "log-odds, before the calibration"
    assert told.parts[4] == 0  # which never varies


def test_of_many_columns_some_orders_stand_for_all():
    """given a function of seven columns, of which some matter together, one bends and one means nothing"""
    row, reference = np.random.default_rng(0).normal(size=(2, 7))

    def bent(rows: np.ndarray) -> np.ndarray:
        return np.exp(rows[:, 0]) * rows[:, 1] + rows[:, 2] * rows[:, 3] * rows[:, 4] + np.abs(rows[:, 5])

    some, again = (over_orders(steps_of(bent, row, reference, orders_of(7)), orders_of(7)) for _ in range(2))

    exact = by_definition(bent, row, reference)
    assert np.array_equal(some, again)
    assert some.sum() == pytest.approx(exact.sum())
    assert np.abs(some - exact).max() < 0.1 * np.abs(exact).max()
    assert some[6] == 0
    assert len(orders_of(7)) < len(orders_of(5)) * 2 == 240


def test_what_a_mean_is_along_an_order_is_what_it_is_of_the_rows_of_its_steps():
    """given a mean of trees and lines of eight columns, within a sigmoid"""
    known = np.random.default_rng(0).normal(size=(800, 8))
    made = [one().fit(known, known[:, 0] * known[:, 1] + known[:, 2] > 0.7) for one in (boosting, forest, logistic)]
    term = read_graph(compile_average(made, 8)).term

    for row, reference in zip(known[:5], known[5:10], strict=True):
        along = term.along(row, reference, orders_of(8))

        np.testing.assert_allclose(along, steps_of(term.values, row, reference, orders_of(8)), atol=1e-12)
        assert np.ptp(along) > 0.01


@pytest.mark.parametrize(
    "made",
    [
        VotingClassifier([("a", boosting()), ("b", forest())], voting="soft"),
        EasyEnsembleClassifier(3, random_state=0),
    ],
    ids=["a soft vote", "an easy ensemble"],
)
@pytest.mark.parametrize("stacked", [False, True])
def test_a_mean_within_another_adds_up_too(tmp_path, made, stacked):
    explainer = registered(ensemble(made, logistic(), stacked=stacked), tmp_path)
    known, _ = samples()

    (told,) = explainer.of(known[:1])

    assert told.unit == ("log-odds" if stacked else "score")
    assert told.base + told.parts.sum() == pytest.approx(told.value, abs=1e-9)
    assert set(np.flatnonzero(told.parts)) >= {0, 1, 2}
