"""What answers where the classifier should be: strange answers are waited out, and blamed on no sample."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import orjson
import pytest

from atipico.scorers.http import HttpScorer
from atipico.wire.classify import VERSION, to_bytes
from scripted import ScriptedClassifier

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])
TOLD = {"id": "test@1", "columns": ["a", "b"], "threshold": 0.5, "usual": {}}


@pytest.fixture
def classifier():
    server = ScriptedClassifier(("a", "b"), lambda rows: rows[:, 0] / 10)
    yield server
    server.close()


@pytest.mark.parametrize("strange", [b"", b"\xff", b"null", b"[]", b"{}", orjson.dumps({**TOLD, "columns": [1, 2]})])
def test_a_far_side_that_tells_of_no_model_is_asked_again(classifier, monkeypatch, strange):
    scorer, told = HttpScorer(classifier.url, "test", 5.0, threading.Event()), [strange]
    asked = scorer._ask
    monkeypatch.setattr(scorer, "_ask", lambda *args: (None, told.pop()) if told else asked(*args))

    scored = scorer.score(ROWS)

    assert scored.scores.tolist() == [0.1, 0.3]


def test_a_classifier_that_fails_to_tell_of_its_model_is_asked_again_and_refuses_no_row(classifier, monkeypatch):
    scorer, failed = HttpScorer(classifier.url, "test", 5.0, threading.Event()), []
    asked = scorer._ask

    def ask(*args):
        if not failed:
            failed.append(True)
            scorer._complain(SimpleNamespace(status=563), b"")
        return asked(*args)

    monkeypatch.setattr(scorer, "_ask", ask)

    scored = scorer.score(ROWS)

    assert (scored.scores.tolist(), dict(scored.refused), failed) == ([0.1, 0.3], {}, [True])


@pytest.mark.parametrize("strange", [b"", bytes(3), bytes(8), bytes(800)])
def test_scores_of_another_number_than_the_rows_are_asked_for_again_and_refuse_no_row(classifier, strange):
    answers = [(200, strange, {VERSION: "test@1"})]
    classifier.script = lambda rows: answers.pop() if answers else rows[:, 0] / 10

    scored = HttpScorer(classifier.url, "test", 5.0, threading.Event()).score(ROWS)

    assert (scored.scores.tolist(), dict(scored.refused)) == ([0.1, 0.3], {})


def test_a_swapped_model_that_tells_no_threshold_is_asked_again(classifier):
    scorer = HttpScorer(classifier.url, "test", 5.0, threading.Event())
    scorer.info()
    answers = [(200, to_bytes(np.zeros(2)), {VERSION: "test@2"})]
    classifier.script = lambda rows: answers.pop() if answers else rows[:, 0] / 10

    scored = scorer.score(ROWS)

    assert scored.scores.tolist() == [0.1, 0.3]
