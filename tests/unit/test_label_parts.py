"""Parts of telling and judging: ids and labels of every form, figures beside scikit-learn's, what features count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from atipico.client.ids import as_id
from atipico.client.label import as_label
from atipico.errors import Refused
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.features.spec import parse_labels, parse_specs
from atipico.learn.ranking import auc, average_precision
from atipico.metrics import OUT_OF_ORDER, REFUSED

S = 10**9


@pytest.mark.parametrize(
    ("given", "kind", "id"),
    [
        ("17", "integer", 17),
        (" +17 ", "integer", 17),
        ("17.0", "integer", 17),
        (17.0, "integer", 17),
        (np.int32(-17), "integer", -17),
        ("9007199254740993", "integer", 2**53 + 1),
        (17, "string", "17"),
        ("007", "string", "007"),
        ("17", "float", 17.0),
    ],
)
def test_an_id_takes_the_type_of_its_field_to_the_last_digit(given, kind, id):
    assert as_id(given, kind) == id
    assert type(as_id(given, kind)) is type(id)


@pytest.mark.parametrize("given", [None, "", "x", "1.5", True, float("nan"), "inf", "1e300", 2**63])
def test_what_is_no_whole_number_is_no_whole_id(given):
    with pytest.raises(Refused, match="an id of type integer was needed"):
        as_id(given, "integer")


def test_words_and_numbers_are_labels_and_others_are_not():
    assert [as_label(one) for one in (1, "1", 1.0, True, np.True_, " True", "Anomaly")] == [1] * 7
    assert [as_label(one) for one in (0, "0.0", np.float32(0), False, "false", "usual")] == [0] * 6
    for other in (2, -1, 0.5, None, "", "nan", "fraud?"):
        with pytest.raises(Refused, match="was needed"):
            as_label(other)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_the_figures_are_those_of_scikit_learn_also_where_scores_tie(pairs):
    scores, anomalies = np.array([one / 5 for one, _ in pairs]), np.array([one for _, one in pairs])
    if not 0 < anomalies.sum() < len(anomalies):
        assert auc(scores, anomalies) is None
        assert average_precision(scores, anomalies) == (1.0 if anomalies.any() else None)
        return

    assert auc(scores, anomalies) == pytest.approx(roc_auc_score(anomalies, scores), abs=1e-12)
    assert average_precision(scores, anomalies) == pytest.approx(average_precision_score(anomalies, scores), abs=1e-12)


def counts() -> dict[str, float]:
    reasons = {
        "came late": OUT_OF_ORDER,
        "came again": OUT_OF_ORDER,
        "label came too late": REFUSED,
        "label of no sample that waits for one": REFUSED,
    }
    return {reason: counter.labels(reason)._value.get() for reason, counter in reasons.items()}


@pytest.mark.parametrize("size", [1, 2, 100])
def test_late_and_repeated_samples_and_labels_that_can_not_count_are_counted_however_blocks_are_cut(size):
    features = {
        "n": {"count": "amount", "by": "card", "over": "9s"},
        "known": {"count": "label", "by": "card", "over": 5},
    }
    plan = Plan(parse_specs(features), "t", parse_labels({"id": "id", "delay": "1s", "within": "5s"}))
    t = [1, 2, 3, 2, 3, 9, 9, 8]  # the fourth is late, the fifth the third once more, the last late
    ids = [0, 1, 2, 3, 2, 5, 6, 7]
    labels = [
        (0, 3),
        (0, 4),
        (1, 7),
        (77, 7),
    ]  # in time, a correction, 7 s after its sample, of none: each before a row
    before = counts()

    for first in range(0, len(t), size):
        rows = range(first, min(first + size, len(t)))
        columns = {"amount": [1.0] * len(rows), "card": [1] * len(rows)}
        columns |= {"t": [t[row] * S for row in rows], "id": [ids[row] for row in rows]}
        mine = [(id, row - first) for id, row in labels if row in rows]
        given = Labels([id for id, _ in mine], [1.0] * len(mine), [row for _, row in mine])
        plan.rows([ids[row] for row in rows], ["a"] * len(rows), columns, given)

    assert {reason: many - before[reason] for reason, many in counts().items()} == {
        "came late": 2,
        "came again": 1,
        "label came too late": 1,
        "label of no sample that waits for one": 2,
    }
