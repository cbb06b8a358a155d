"""What the live `why` names is what the model saw, on samples whose cause is known."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest

from atipico.agent.why import Why
from atipico.agent.work import outcomes
from atipico.features.block import Rows
from atipico.ports import ModelInfo, Scored
from atipico.registry.scorer import ModelScorer
from atipico.scorers.http import HttpScorer, Swapped
from causes import UNUSED, known_causes
from scripted import ScriptedClassifier

COLUMNS = ("a", "b", "c", "d", "e")


class Hand:
    """A model made by hand: `strange` says of rows, float64 (m, k), which are anomalies. Usual is 0 give or take 1."""

    def __init__(self, strange, columns=COLUMNS, typical=()) -> None:
        usual = dict.fromkeys(columns, (0.0, 1.0))
        self._strange, self._info = strange, ModelInfo("hand@1", columns, 0.5, usual, typical)
        self.asked: list[int] = []

    def info(self) -> ModelInfo:
        return self._info

    def score(self, rows) -> Scored:
        self.asked.append(len(rows))
        return Scored(np.where(self._strange(rows), 0.9, 0.1), 0.5, "hand@1", {})


def why(row, strange, **options) -> str:
    hand = Hand(strange, **options)
    (outcome,) = outcomes(Rows(np.array([row], dtype=float), {}), hand, hand.info().columns)
    return outcome.why


def names(told: str) -> list[str]:
    return [part.split("=")[0] for part in told.split(", ")] if told else []


def test_a_number_far_out_that_the_model_does_not_look_at_is_not_named():
    told = why([0, 1000, 4, -900, 0], lambda rows: rows[:, 2] > 3)

    assert told == "c=4 (usual 0)"


def test_of_two_numbers_that_matter_only_together_both_are_named():
    told = why([4, 50, 0, 4, 0], lambda rows: (rows[:, 0] > 3) & (rows[:, 3] > 3))

    assert sorted(names(told)) == ["a", "d"]


def test_of_two_numbers_of_which_each_would_do_both_are_named():
    told = why([4, 50, 0, 4, 0], lambda rows: (rows[:, 0] > 3) | (rows[:, 3] > 3))

    assert sorted(names(told)) == ["a", "d"]


def test_the_number_that_matters_more_comes_first():
    told = why([4, 4, 0, 0, 0], lambda rows: rows[:, 1] + 0.3 * rows[:, 0] > 3.5)

    assert names(told)[0] == "b"


def test_a_cause_is_named_though_many_numbers_that_mean_nothing_are_farther_out():
    columns = tuple(f"x{at}" for at in range(30))
    row = [500.0 + at for at in range(30)]
    row[17] = 2.5  # nearer to usual than all others

    told = why(row, lambda rows: (rows[:, 17] > 2) & (rows[:, 17] < 3), columns=columns)

    assert told == "x17=2.5 (usual 0)"


def test_the_usual_value_is_one_that_the_model_takes_for_usual():
    # Most samples have 0, a few 10: the mean, 1, lies where the model sees an anomaly.
    told = why([1, 9, 0, 0, 0], lambda rows: (rows[:, 0] == 1) | (rows[:, 1] > 5), typical=(10.0, 0, 0, 0, 0))

    assert sorted(names(told)) == ["a", "b"]
    assert "a=1 (usual 10)" in told


def test_where_no_part_is_known_the_farthest_are_named():
    def swapped_after_the_scores(rows):
        if len(hand.asked) > 1:
            raise Swapped("another model")
        return rows[:, 0] > 3

    hand = Hand(swapped_after_the_scores)
    (outcome,) = outcomes(Rows(np.array([[4.0, 0, 0, 0, 50]]), {}), hand, COLUMNS)

    assert outcome.why == "e=50 (usual 0), a=4 (usual 0)"


def test_the_first_samples_of_a_new_version_are_told_by_what_that_version_sees():
    classifier = ScriptedClassifier(COLUMNS, lambda rows: np.where(rows[:, 2] > 3, 0.9, 0.1))
    scorer = HttpScorer(classifier.url, "test", 5.0, threading.Event())
    outcomes(Rows(np.zeros((1, 5)), {}), scorer, COLUMNS)

    classifier.version = "test@2"
    (outcome,) = outcomes(Rows(np.array([[0, 0, 4.0, 0, 50]]), {}), scorer, COLUMNS)
    scorer.close()
    classifier.close()

    assert (outcome.version, outcome.why) == ("test@2", "c=4 (usual 0)")


def test_nobody_is_asked_about_samples_that_are_not_flagged():
    hand = Hand(lambda rows: rows[:, 0] > 3)

    outcomes(Rows(np.zeros((500, 5)), {}), hand, COLUMNS)

    assert hand.asked == [500]


def test_what_a_flagged_sample_costs_is_bounded():
    hand, wide = Hand(lambda rows: rows[:, 0] > 3, tuple(map(str, range(40)))), np.full((1000, 40), 5.0)

    outcomes(Rows(wide, {}), hand, hand.info().columns)

    assert sum(hand.asked[1:]) < 15 * 1000 + 100
    assert max(hand.asked[1:]) < 5000


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return known_causes(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def told(case) -> list[str]:
    made = outcomes(Rows(case.rows, {}), ModelScorer(case.model), case.table.columns)
    assert all(one.anomalous for one in made)
    return [one.why for one in made]


def test_there_are_enough_frauds_of_each_kind(case):
    assert min(Counter(case.kind.tolist())[kind] for kind in "123") >= 10


def test_frauds_of_the_simulator_are_told_by_what_made_them(case, told):
    right = [case.is_cause(kind, names(one)[0]) for kind, one in zip(case.kind, told, strict=True)]

    assert np.mean(right) > 0.95
    for kind in "123":
        assert np.mean(np.array(right)[case.kind == kind]) > 0.9


def test_a_feature_that_the_model_never_saw_vary_is_not_named_however_far_out(case, told):
    at = case.table.columns.index(UNUSED)
    rows = case.rows.copy()
    rows[:, at] = 1e12

    made = [one.why for one in outcomes(Rows(rows, {}), ModelScorer(case.model), case.table.columns)]

    assert made == told
    assert not any(UNUSED in names(one) for one in made)


def test_the_same_sample_gets_the_same_words_whatever_block_it_comes_in(case, told):
    many = np.tile(case.rows, (-(-600 // len(case.rows)), 1))  # more than are explained at once
    scorer = ModelScorer(case.model)

    at_once = [one.why for one in outcomes(Rows(many, {}), scorer, case.table.columns)]
    alone = [outcomes(Rows(row[None], {}), scorer, case.table.columns)[0].why for row in case.rows]

    assert alone == told
    assert at_once == (told * len(many))[: len(many)]


def test_the_means_in_place_of_a_usual_row_would_tell_the_wrong_cause_of_terminal_frauds(case, told):
    """The control: a mean, such as 0.2 known frauds of a terminal, is no number that a usual sample has."""
    scorer = ModelScorer(case.model)
    terminals = case.rows[case.kind == "2"]

    by_means = Why(scorer.info()._replace(typical=()), scorer).of(terminals, case.model.score(terminals))

    assert np.mean([case.is_cause("2", names(one)[0]) for one in by_means]) < 0.9
