"""Several estimators as one model: stacked, voting, calibrated; and the form that serves gives the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from atipico.errors import Refused
from atipico.learn import combine, fit
from atipico.learn.calendar import DAY, Span
from atipico.learn.combine import Isotonic, Sigmoid, Stacking
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.estimators import members_of
from atipico.learn.recipe import Recipe
from atipico.learn.split import Split
from atipico.learn.table import Table
from atipico.registry.compiled import Compiled

MADE = Split(Span(0, 40), Span(40, 47), Span(47, 54))


def samples(rows: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(rows, 3)) * [1, 100, 0.01]
    return known, (known[:, 0] + rng.normal(size=rows) > 1.5).astype(np.int8)


def table(days: int = 54, a_day: int = 60) -> Table:
    known, label = samples(days * a_day)
    day = np.repeat(np.arange(days), a_day)
    return Table(day * DAY, day, label, {}, ("x", "y", "z"), known, None, Span(0, days), 7 * DAY, "shape")


def recipe(ensemble: dict[str, object], **train) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "m",
            "job": "j",
            "estimator": [{"kind": "decision_tree", "max_depth": 6}, {"kind": "logistic_regression"}],
            "threshold": {"alerts_per_day": 5},
            "train": {"ensemble": ensemble, **train},
        }
    )


def members() -> list[Member]:
    known, label = samples()
    made = [
        DecisionTreeClassifier(max_depth=4, random_state=0),
        RandomForestClassifier(8, max_depth=4, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ]
    return [Member(str(at), "-", 1 / 3, one.fit(known, label)) for at, one in enumerate(made)]


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("calibrated", [None, *combine.CALIBRATIONS])
def test_the_compiled_form_of_an_ensemble_gives_what_its_libraries_give(stacked, calibrated):
    known, label = samples(seed=1)
    ensemble = Ensemble(members())
    apart = np.column_stack(list(ensemble.scores(known)[1].values()))
    ensemble = ensemble._replace(stacking=Stacking.learn(apart, label)) if stacked else ensemble
    if calibrated:
        learnt = combine.CALIBRATIONS[calibrated].learn(ensemble.combined(apart), label)
        ensemble = ensemble._replace(calibration=learnt)
    rows = np.concatenate([samples(3000, seed=2)[0], known * 5])

    served = Compiled(ensemble.compiled(3), 3)(rows)

    assert np.abs(served - ensemble.predict_proba(rows)[:, 1]).max() < 1e-9
    assert np.abs(served - ensemble.scores(rows)[0]).max() < 1e-9
    assert (np.abs(served - Ensemble(members()).scores(rows)[0]).max() > 0.01) == (stacked or calibrated is not None)
    assert ((served >= 0) & (served <= 1)).all()


@pytest.mark.parametrize(
    "part", [None, Stacking((0.5, 2.0), -1.0), Sigmoid(0.5, 1.0), Isotonic((0.1, 0.2), (0.0, 1.0))]
)
def test_what_a_run_tells_of_a_part_makes_it_again(part):
    assert combine.read(combine.told(part)) == part


@pytest.mark.parametrize("kind", combine.CALIBRATIONS)
def test_no_two_scores_become_one_by_calibration_so_that_a_budget_can_be_kept(kind):
    known, label = samples()
    score = np.unique(1 / (1 + np.exp(-3 * known[:, 0])))
    calibration = combine.CALIBRATIONS[kind].learn(1 / (1 + np.exp(-3 * known[:, 0])), label)

    calibrated = calibration(score)

    apart = np.diff(score) > 1e-9
    assert (np.diff(calibrated)[apart] > 0).all()
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1


@pytest.mark.parametrize("kind", combine.CALIBRATIONS)
def test_calibration_makes_probabilities_of_the_scores_of_balanced_rows(kind):
    rows = table()
    balanced = {"imbalance": {"kind": "random_under"}}
    told, plain = recipe({"calibrate": kind}, **balanced), recipe({}, **balanced)

    calibrated, as_it_is = (
        fit.fit(one, rows, MADE, members_of(one), lambda line: None).ensemble for one in (told, plain)
    )

    test = MADE.test.has(rows.period)
    scores, raw = calibrated.scores(rows.values[test])[0], as_it_is.scores(rows.values[test])[0]
    truth = rows.label[test]
    assert brier_score_loss(truth, scores) < brier_score_loss(truth, raw) - 0.02
    assert scores.mean() == pytest.approx(truth.mean(), abs=0.04)
    assert raw.mean() > truth.mean() + 0.1


def test_stacking_trusts_the_estimator_that_knows_more():
    known, label = samples()
    rng = np.random.default_rng(0)
    knows, guesses = 1 / (1 + np.exp(-2 * known[:, 0])), rng.random(len(label))

    stacking = Stacking.learn(np.column_stack([knows, guesses]), label)

    assert stacking.slopes[0] > 5 * abs(stacking.slopes[1])


def test_what_makes_them_one_is_learnt_on_days_that_trained_no_estimator_and_are_known(monkeypatch):
    rows, days = table(), []
    of = recipe({"kind": "stacking", "calibrate": "sigmoid", "span": "10d"})
    trains = fit.trains

    def seen(recipe, table, made):
        days.append((made.train, trains(recipe, table, made)))
        return trains(recipe, table, made)

    monkeypatch.setattr(fit, "trains", seen)
    fit.fit(of, rows, MADE, members_of(of), lambda line: None)

    (last, _), (before, chosen) = days
    assert last == MADE.train
    assert before == Span(0, 40 - 10 - 7)  # whose labels were all known when the days began that teach
    assert set(rows.period[chosen]) == set(range(23))


def test_too_few_days_to_learn_it_from_are_refused_with_the_cure():
    of = recipe({"kind": "stacking", "span": "35d"})

    with pytest.raises(Refused, match=r"1970-01-06 \.\. 1970-02-09 must teach it.*give a shorter span"):
        fit.fit(of, table(), MADE, members_of(of), lambda line: None)
    with pytest.raises(Refused, match="20 samples, 0 of them anomalies, to learn from"):
        Sigmoid.learn(np.linspace(0, 1, 20), np.zeros(20))
    with pytest.raises(Refused, match="anomalies score no higher than others"):
        Sigmoid.learn(np.linspace(0, 1, 20), np.arange(20) < 8)


def test_knots_are_never_so_close_that_the_last_bits_of_a_score_decide():
    close = np.array([0.1, 0.1 + 1e-12, 0.5, 0.5 + 1e-9, 0.9])

    line = Isotonic.learn(
        np.repeat(close, 20), np.tile([0, 1, 0, 1, 1], 20).repeat(1)[np.argsort(np.tile(range(5), 20))]
    )

    assert len(line.at) > 1
    assert (np.diff(line.at) > combine.CLOSEST).all()
