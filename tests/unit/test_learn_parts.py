"""The parts of learning by themselves: what is known when, thresholds, precision@k, rows and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import average_precision_score, roc_auc_score

from atipico.errors import Refused
from atipico.learn import estimators, fit, quality, threshold
from atipico.learn.calendar import DAY, Span
from atipico.learn.ensembles import Ensemble
from atipico.learn.kinds import KINDS
from atipico.learn.plots import by_period, importance, precision_recall
from atipico.learn.recipe import EstimatorRecipe, Recipe
from atipico.learn.split import Split, judged, known_keys, split, trains
from atipico.learn.table import Table

DAYS = 40


def recipe(**parts) -> Recipe:
    plain = {"name": "m", "job": "j", "estimator": [{"kind": "lightgbm"}], "threshold": {"alerts_per_day": 24}}
    return Recipe.model_validate(plain | parts)


def table(rows: int = 600, delay_days: float = 7, seed: int = 0, keys: int = 12) -> Table:
    """Rows at any time of 40 days, of 12 cards; one in ten an anomaly, some of unknown label."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.integers(0, DAYS * DAY, rows))
    label = np.where(rng.random(rows) < 0.1, 1, 0)
    label[rng.random(rows) < 0.05] = -1
    return Table(
        time,
        time // DAY,
        label.astype(np.int8),
        {"card": rng.integers(0, keys, rows)},
        ("x",),
        rng.normal(size=(rows, 1)),
        None,
        Span(0, DAYS),
        int(delay_days * DAY),
        "shape",
    )


@pytest.mark.parametrize("delay_days", [0, 2.5, 7])
@pytest.mark.parametrize("over", [None, "5d"])
def test_a_key_is_known_from_the_morning_on_by_which_a_label_of_its_has_come(delay_days, over):
    rows = table(delay_days=delay_days)
    lasts = DAYS + 8 if over is None else 5
    since = np.maximum(rows.period - lasts + 1, 0)

    found = known_keys(rows, "card", since)

    for at in range(len(rows.period)):
        mornings = rows.time[(rows.label == 1) & (rows.keys["card"] == rows.keys["card"][at])] + rows.label_delay
        heard_on = -(-mornings // DAY)  # the first morning on which it was known
        assert found[at] == ((heard_on <= rows.period[at]) & (heard_on > rows.period[at] - lasts)).any()
    assert 0 < found.sum() < len(found)


def test_no_row_trains_whose_label_is_not_known_when_the_model_is_made():
    rows = table()
    made = Split(Span(5, 20), Span(20, 27), Span(27, 34))

    training = trains(recipe(), rows, made)

    assert training.any()
    assert (rows.time[training] + rows.label_delay <= 27 * DAY).all()
    assert (rows.label[training] >= 0).all()
    assert set(rows.period[training]) == set(range(5, 20))
    later = rows._replace(label_delay=10 * DAY)  # the control: with later labels fewer of the same days may train
    assert set(rows.period[trains(recipe(), later, made)]) == set(range(5, 17))


def test_rows_that_can_not_be_scored_do_not_train_and_are_not_judged():
    rows = table()
    rows.values[::2] = np.nan
    made = Split(Span(5, 20), Span(20, 27), Span(27, 34))

    assert not trains(recipe(), rows, made)[::2].any()
    assert not judged(recipe(), rows, made)[::2].any()
    assert trains(recipe(), rows, made).any()
    assert judged(recipe(), rows, made).any()


def test_those_that_are_known_are_not_judged_and_on_demand_do_not_train():
    rows = table(keys=60)
    made = Split(Span(5, 20), Span(20, 27), Span(27, 34))
    told = recipe(train={"drop_known": "card", "known_over": "7d"}, test={"key": "card", "known_over": "7d"})
    bad = [
        (card, day) for card, day, label in zip(rows.keys["card"], rows.period, rows.label, strict=True) if label == 1
    ]

    tested, training = judged(told, rows, made), trains(told, rows, made)

    for at in np.flatnonzero(made.test.has(rows.period) & (rows.label >= 0)):
        heard = [day for card, day in bad if card == rows.keys["card"][at] and 13 <= day <= rows.period[at] - 8]
        assert tested[at] == (not heard)
    for at in np.flatnonzero(made.train.has(rows.period) & (rows.label >= 0)):
        day = rows.period[at]
        heard = [one for card, one in bad if card == rows.keys["card"][at] and day - 14 <= one <= day - 8]
        assert training[at] == (not heard)


def test_the_latest_training_that_can_be_judged_is_the_default():
    rows = table()

    made = split(recipe(train={"warm_up": "3d"}), rows)

    assert made == Split(Span(3, 26), Span(26, 33), Span(33, 40))
    assert split(recipe(train={"window": "10d"}), rows).train == Span(16, 26)
    assert split(recipe(train={"from": "1970-01-06", "to": "1970-01-09"}), rows).train == Span(5, 9)


HOUR = DAY // 24


def by_hours(delay: int = 2 * HOUR) -> Table:
    """The table above squeezed into forty hours."""
    rows = table()
    return rows._replace(time=rows.time // 24, span=Span(0, DAYS, HOUR), label_delay=delay)


def test_hours_are_split_as_days_are_where_that_is_the_period():
    rows, of = by_hours(), recipe(period="1h", train={"warm_up": "3h"}, test={"span": "6h"})

    made = split(of, rows)

    assert [span[:2] for span in made] == [(3, 32), (32, 34), (34, 40)]
    assert set(rows.period[trains(of, rows, made)]) == set(range(3, 32))
    assert rows.time[judged(of, rows, made)].min() >= 34 * HOUR
    assert str(made.test) == "1970-01-02T10:00 .. 1970-01-02T16:00"
    assert split(recipe(period="1h", train={"to": "1970-01-01"}, test={"span": "6h"}), rows).train[:2] == (0, 24)
    with pytest.raises(Refused, match="give --train-to 1970-01-01 at the latest"):
        split(recipe(period="1h", train={"to": "1970-01-02"}), rows)


def test_a_label_that_comes_after_half_a_period_is_waited_for_a_whole_one():
    of = recipe(period="1h", test={"span": "6h"})

    assert split(of, by_hours(HOUR // 2)).gap[:2] == (33, 34)
    assert split(of, by_hours(0)).gap[:2] == (34, 34)  # the control


def test_alerts_of_an_hour_are_told_for_a_day_and_a_day_s_budget_is_shared_by_its_hours():
    scores, hour = np.repeat([0.9, 0.1], 12), np.tile(np.arange(4), 6)

    told = quality.figures(scores, np.zeros(24), hour, Span(0, 8, HOUR), None, 1, 0.5)

    assert told["by_period"]["alerts_per_day"] == [3 * 24] * 4 + [0] * 4  # also of hours in which nothing came
    assert told["alerts_per_day"] == 12 * 24 / 8
    assert told["by_period"]["precision_at_k"] == [0.0] * 4 + [None] * 4
    with pytest.raises(ValidationError, match="alerts_per_day = 23 is less than one in each 1h"):
        recipe(period="1h", threshold={"alerts_per_day": 23}, test={"span": "6h"})
    assert recipe(period="1h", threshold={"alerts_per_day": 24}, test={"span": "6h"})


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"period": "5h"}, "must be a day, or a part of one that days are made of"),
        ({"period": "2d"}, "must be a day, or a part of one that days are made of"),
        ({"period": "0s"}, "must be a day, or a part of one that days are made of"),
        ({"period": "1ms"}, "must be a day, or a part of one that days are made of"),
        ({"test": {"span": "12h"}}, "test.span = .12h. is no whole number of periods of 1d"),
        ({"test": {"span": "0d"}}, "test.span = .0d. is no whole number of periods"),
        (
            {"train": {"half_life": "90m"}, "period": "1h"},
            "train.half_life = .90m. is no whole number of periods of 1h",
        ),
    ],
)
def test_spans_that_are_no_whole_periods_are_refused(parts, told):
    with pytest.raises(ValidationError, match=told):
        recipe(**parts)


def test_a_last_period_of_which_little_is_there_is_not_judged():
    rows = table()
    until = rows.time < 39 * DAY + DAY // 5
    short = rows._replace(**{name: getattr(rows, name)[until] for name in ("time", "period", "label", "values")})

    assert split(recipe(), rows).test == Span(33, 40)
    assert split(recipe(), short).test == Span(32, 39)


@pytest.mark.parametrize("delay", [0, HOUR, DAY, DAY + HOUR])
def test_a_key_that_had_an_anomaly_on_the_training_s_last_day_is_not_judged(delay):
    """given a card with one anomaly, at ten on the last day that trains"""
    time = np.array([10, 100, 19 * 24 + 10, 22 * 24 + 5]) * HOUR
    label = np.array([0, 0, 1, 0], dtype=np.int8)
    card = {"card": np.zeros(4, dtype=np.int64)}
    rows = Table(time, time // DAY, label, card, ("x",), np.zeros((4, 1)), None, Span(0, 30), delay, "shape")
    of = recipe(train={"to": "1970-01-20"}, test={"key": "card", "known_over": "1d"})

    assert not judged(of, rows, split(of, rows)).any()
    assert judged(recipe(train={"to": "1970-01-20"}), rows, split(of, rows)).sum() == 1  # the control


def test_a_budget_is_not_found_on_a_gap_of_an_hour_at_night():
    """given days on which ten times as much comes as in the night, and labels that come after an hour"""
    rng = np.random.default_rng(0)
    time = np.sort(np.concatenate([rng.integers(8 * HOUR, 20 * HOUR, 200) + day * DAY for day in range(6)]))
    time = np.concatenate([time, 6 * DAY + np.arange(0, DAY, HOUR)])
    values = rng.normal(size=(len(time), 1))
    label = (values[:, 0] + rng.normal(size=len(time)) > 2).astype(np.int8)
    rows = Table(time, time // HOUR, label, {}, ("x",), values, None, Span(0, 7 * 24, HOUR), HOUR, "shape")
    of = recipe(period="1h", train={"to": "1970-01-05"}, test={"span": "24h"}, threshold={"alerts_per_day": 48})
    of = of.model_copy(update={"estimator": (EstimatorRecipe(kind="logistic_regression"),)})
    members, say = estimators.members_of(of), lambda line: None
    fitted = fit.fit(of, rows, split(of, rows), members, say)

    found, where = fit.threshold_of(of, rows, fitted, members, say)

    day = fitted.split.test.has(rows.period)
    alerts = quality.alerts(fitted.ensemble.scores(values[day])[0], rows.period[day], found, fitted.split.test)
    assert where.startswith("1970-01-05T00:00 .. 1970-01-06T00:00, trained on")
    assert sum(alerts) < 3 * 48
    assert fit.free_gap(of, rows._replace(label_delay=DAY), split(of, rows._replace(label_delay=DAY))) is not None


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=120), st.integers(1, 12))
def test_no_day_has_more_alerts_than_the_budget_and_a_lower_threshold_would_give_more(samples, budget):
    day, scores = (np.array(column) for column in zip(*samples, strict=True))
    scores = scores / 25

    found = threshold.by_budget(scores, day, budget)

    def most(at: float) -> int:
        return max(int((scores[day == one] >= at).sum()) for one in np.unique(day))

    assert most(found) <= budget
    below = scores[scores < found]
    assert not len(below) or most(below.max()) > budget


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 1)), min_size=1, max_size=60),
    st.floats(0.1, 50),
    st.floats(0.1, 50),
)
def test_no_other_threshold_costs_less(samples, missed, false_alert):
    scores, label = (np.array(column) for column in zip(*samples, strict=True))
    scores = scores / 16

    def cost(at: float) -> float:
        return missed * ((scores < at) & (label == 1)).sum() + false_alert * ((scores >= at) & (label == 0)).sum()

    found = cost(threshold.by_cost(scores, label, missed, false_alert))

    assert found <= min(cost(at) for at in [*np.unique(scores), 1.0]) + 1e-9


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, n) for n in (3, 6, 9, 1)]), min_size=1, max_size=80), st.integers(1, 5))
def test_precision_at_k_is_what_a_reader_with_a_list_would_count(samples, k):
    day, keys, scores, label = (np.array(column) for column in zip(*samples, strict=True))

    counted, found = [], set()
    for one in sorted(set(day.tolist())):
        best: dict[int, tuple[int, int]] = {}
        for of, who, score, truth in samples:
            if of == one and who not in found:
                before = best.get(who, (-1, 0))
                best[who] = (max(before[0], score), max(before[1], truth))
        looked_at = sorted(best, key=lambda who: (-best[who][0], who))[:k]
        hits = {who for who in looked_at if best[who][1]}
        counted.append(len(hits) / k)
        found |= hits

    assert quality.precision_at_k(scores / 10, label, day, keys, k).tolist() == counted


def test_the_figures_are_those_of_scikit_learn_by_day_too():
    rng = np.random.default_rng(0)
    label, day, kind = rng.integers(0, 2, 900), rng.integers(0, 3, 900), rng.choice(["one", "two"], 900)
    scores = np.clip(label * 0.3 + rng.random(900) * 0.7, 0, 1)

    told = quality.figures(scores, label, day, Span(0, 3), None, 50, 0.6, kind)

    assert told["auc"] == pytest.approx(roc_auc_score(label, scores), rel=1e-12)
    assert told["average_precision"] == pytest.approx(average_precision_score(label, scores), rel=1e-12)
    by_day = [roc_auc_score(label[day == one], scores[day == one]) for one in range(3)]
    assert told["by_period"]["auc"] == pytest.approx(by_day, rel=1e-12)
    assert told["spread"]["auc"] == pytest.approx(np.std(by_day, ddof=1))
    assert told["recall"] == pytest.approx((scores[label == 1] >= 0.6).mean())
    assert told["precision"] == pytest.approx(label[scores >= 0.6].mean())
    assert sum(of["samples"] for of in told["by_kind"].values()) == told["anomalies"] == label.sum()
    beside = (label == 0) | (kind == "one")
    assert told["by_kind"]["one"]["auc"] == pytest.approx(roc_auc_score(label[beside], scores[beside]), rel=1e-12)


def test_days_without_an_anomaly_have_no_auc_and_stop_nothing():
    told = quality.figures(np.array([0.1, 0.2]), np.array([0, 0]), np.array([1, 2]), Span(1, 3), None, 1, 0.5)

    assert (told["auc"], told["average_precision"], told["recall"]) == (None, None, None)
    assert told["by_period"]["auc"] == [None, None]
    assert told["precision_at_k"] == 0


def test_a_part_of_the_usual_rows_is_the_same_part_when_rows_come_behind_them():
    rows, made = table(), Split(Span(5, 20), Span(20, 27), Span(27, 34))
    fewer = rows._replace(**{name: getattr(rows, name)[:500] for name in ("time", "period", "label", "values")})
    told = recipe(train={"usual_share": 0.3, "anomaly_weight": 2, "half_life": "10d"})

    training = np.flatnonzero(trains(told, rows, made))
    weight = fit.weights(told, rows, made, training)

    assert np.array_equal(training[training < 500], np.flatnonzero(trains(told, fewer, made)))
    assert (rows.label[training] == 1).sum() == (rows.label[trains(recipe(), rows, made)] == 1).sum()
    assert (rows.label[training] == 0).sum() < 0.5 * (rows.label[trains(recipe(), rows, made)] == 0).sum()
    ages = 19 - rows.period[training]
    assert weight == pytest.approx(0.5 ** (ages / 10) * np.where(rows.label[training] == 1, 2, 1 / 0.3))
    assert fit.weights(recipe(), rows, made, training) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_estimator_is_trained_written_and_read_back_to_the_same_scores(kind, tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(800, 4)) * [1, 100, 0.01, 5]
    label = (rows[:, 0] + rows[:, 3] / 5 > 1.5).astype(np.int8)
    few = {"hist_gradient_boosting": {"max_iter": 10}, "logistic_regression": {}, "decision_tree": {"max_depth": 5}}
    few = few.get(kind, {"n_estimators": 10})
    members = estimators.members_of(recipe(estimator=[{"kind": kind, "seeds": [3], **few}]))

    (trained,) = estimators.train(members, rows, label, None)
    estimators.write(trained, tmp_path)
    back = estimators.read(members[0], tmp_path)

    scores, apart = Ensemble([back]).scores(rows)
    assert np.abs(scores - Ensemble([trained]).predict_proba(rows)[:, 1]).max() < 1e-9
    assert list(apart) == [f"1-{kind}"]
    assert roc_auc_score(label, scores) > 0.9
    looked_at = importance(back.estimator, 4)
    assert looked_at.sum() == pytest.approx(1)
    assert set(np.argsort(looked_at)[-2:]) == {0, 3}


@pytest.mark.parametrize(
    ("kind", "bad", "why"),
    [
        ("lightgbm", {"learning_rate": -1.0}, r"estimator 1-lightgbm: Check failed: \(learning_rate\) > \(0.0\)"),
        ("random_forest", {"max_depth": -1}, "estimator 1-random_forest: The 'max_depth' parameter"),
    ],
)
def test_a_value_that_a_library_refuses_is_refused_with_its_words(kind, bad, why):
    rows = np.random.default_rng(0).normal(size=(200, 3))
    members = estimators.members_of(recipe(estimator=[{"kind": kind, "n_estimators": 2, **bad}]))

    with pytest.raises(Refused, match=why):
        list(estimators.train(members, rows, (rows[:, 0] > 1).astype(np.int8), None))


def test_a_picture_says_what_its_lines_are_and_of_when_it_is():
    from matplotlib.figure import Figure

    figures = {"average_precision": 1.0, "precision_at_k": 0.5, "by_period": {"precision_at_k": [0.75, None, 0.25]}}
    told = {"k": 20, "span": "2026-02-01 .. 2026-02-03", "average": figures}
    curve, bars = Figure().add_subplot(), Figure().add_subplot()

    precision_recall(curve, np.array([0.1, 0.2, 0.3, 0.9]), np.array([0, 0, 0, 1]), told, 0.25)
    by_period(bars, told, "days")

    assert [text.get_text() for text in curve.get_legend().get_texts()] == ["threshold 0.25", "by chance 25.00%"]
    assert curve.get_title() == "Precision and recall: average precision 1.000"
    assert [text.get_text() for text in bars.get_legend().get_texts()] == ["mean 0.500"]
    assert bars.get_xlabel() == "days of the test, 2026-02-01 .. 2026-02-03"
    assert bars.get_title() == "Precision@20 over days"
