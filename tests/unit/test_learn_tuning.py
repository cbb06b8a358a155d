"""A search looks only at days before those that the model is judged on, goes on where it was stopped, and finds."""

from __future__ import annotations

import sqlite3
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from atipico.cli.learn import app
from atipico.errors import Refused
from atipico.learn import tuning, tuning_plots
from atipico.learn.calendar import DAY, Span
from atipico.learn.ensembles import Member
from atipico.learn.fit import fit
from atipico.learn.methods import Between, Choices
from atipico.learn.recipe import Recipe, read_recipe
from atipico.learn.searcher import Trial
from atipico.learn.split import split, trains
from atipico.learn.stages import Learning
from atipico.learn.table import Table
from atipico.learn.tuned import toml_of, tune
from atipico.learn.tuning import SEARCHERS
from learning import Bars, make_payments
from trained import Remembers

SPACE = {
    "rate": Between(low=0.01, high=0.3, log=True),
    "share": Between(low=0.25, high=1.0),
    "tenths": Between(low=0.1, high=0.9, step=0.1),
    "leaves": Between(low=7, high=63, step=8),
    "many": Between(low=1, high=1000, log=True),
    "depth": Between(low=2, high=5),
    "weight": Choices(choices=("balanced", "none")),
    "flag": Choices(choices=(True, False)),
}
PLAIN = {
    "name": "m",
    "job": "j",
    "estimator": [{"kind": "decision_tree", "search": {"max_depth": {"low": 1, "high": 6}}}],
    "threshold": {"alerts_per_day": 5},
    "test": {"span": "5d", "spans": 2},
}


def recipe(tune: dict[str, object] | None = None, estimator: dict[str, object] | None = None, **train) -> Recipe:
    told = {"kind": "optuna", "trials": 6, "folds": 2, **(tune or {})}
    parts = {"train": {"tune": told, **train}, **({"estimator": [estimator]} if estimator else {})}
    return Recipe.model_validate(PLAIN | parts)


def table(days: int = 60, a_day: int = 30) -> Table:
    """What is true needs a tree of depth 2 or more."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(days), a_day)
    values = rng.normal(size=(len(day), 4))
    label = ((values[:, 0] > 0.5) & (values[:, 1] > 0.5)).astype(np.int8)
    return Table(day * DAY, day, label, {}, tuple("wxyz"), values, None, Span(0, days), 7 * DAY, "shape")


def quadratic(values: dict[str, object]) -> float:
    """Highest where the rate is 0.1 and there are 31 leaves."""
    return 1 - abs(np.log10(values["rate"]) + 1) - abs(values["leaves"] - 31) / 60


def searched(kind: str, file: Path, trials: int, name: str = "study", first=None, seed: int = 0) -> list[Trial]:
    searcher = SEARCHERS[kind](file, name, SPACE, first or {}, seed, False)
    for _ in range(trials):
        number, values = searcher.ask()
        searcher.tell(Trial(number, values, [quadratic(values)], quadratic(values)))
    return searcher.trials()


@pytest.fixture(params=SEARCHERS)
def kind(request) -> str:
    return request.param


def test_every_value_is_one_that_the_declaration_lets_be(kind, tmp_path):
    trials = searched(kind, tmp_path / "study.sqlite", 24)

    for values in (trial.values for trial in trials):
        assert values.keys() == SPACE.keys()
        assert 0.01 <= values["rate"] <= 0.3
        assert 0.25 <= values["share"] <= 1.0
        assert round(values["tenths"] * 10) == pytest.approx(values["tenths"] * 10)
        assert 0.1 <= values["tenths"] <= 0.9 + 1e-9
        assert values["leaves"] in range(7, 64, 8)
        assert values["many"] in range(1, 1001)
        assert values["depth"] in range(2, 6)
        assert all(isinstance(values[name], int) for name in ("leaves", "many", "depth"))
        assert values["weight"] in ("balanced", "none")
        assert isinstance(values["flag"], bool)
    assert sum(trial.values["many"] < 32 for trial in trials) > 4  # evenly over orders of magnitude, not numbers
    assert len({trial.values["leaves"] for trial in trials}) > 3


def test_what_was_seen_leads_to_better_values_than_chance(kind, tmp_path):
    trials = searched(kind, tmp_path / "study.sqlite", 30)

    at_random, led = ([trial.score for trial in part] for part in (trials[:10], trials[-10:]))
    assert np.mean(led) > np.mean(at_random) + 0.1


def test_a_search_goes_on_where_it_was_and_draws_nothing_twice(kind, tmp_path):
    before = searched(kind, tmp_path / "study.sqlite", 4)

    after = searched(kind, tmp_path / "study.sqlite", 4)

    assert after[:4] == before
    assert [trial.number for trial in after] == list(range(8))
    assert len({trial.values["rate"] for trial in after}) == 8
    anew = searched(kind, tmp_path / "other.sqlite", 1)  # the control: another file, or another question, knows nothing
    assert len(anew) == len(searched(kind, tmp_path / "study.sqlite", 1, name="another")) == 1


def test_a_trial_that_was_begun_and_never_told_is_forgotten(kind, tmp_path):
    searched(kind, tmp_path / "study.sqlite", 2)
    SEARCHERS[kind](tmp_path / "study.sqlite", "study", SPACE, {}, 0, False).ask()

    after = searched(kind, tmp_path / "study.sqlite", 2)

    assert len(after) == 4


def test_what_the_recipe_has_itself_is_tried_first(kind, tmp_path):
    first = {"rate": 0.05, "share": 0.5, "tenths": 0.3, "leaves": 15, "many": 50, "depth": 3}
    first |= {"weight": "none", "flag": False}

    begun, *rest = searched(kind, tmp_path / "study.sqlite", 3, first=first)

    assert begun.values == pytest.approx(first)
    assert all(trial.values != begun.values for trial in rest)


def test_hyperopts_trials_are_kept_as_text_that_anyone_can_read(tmp_path):
    searched("hyperopt", tmp_path / "study.sqlite", 2)

    rows = sqlite3.connect(tmp_path / "study.sqlite").execute("SELECT study, number, raw, told FROM trial").fetchall()

    assert [row[:2] for row in rows] == [("study", 0), ("study", 1)]
    assert all(text.startswith(("{", "[")) for row in rows for text in row[2:])


def test_a_trial_far_behind_is_left_by_optuna_and_by_hyperopt_never(tmp_path):
    left = {}
    for name in SEARCHERS:
        searcher = SEARCHERS[name](tmp_path / f"{name}.sqlite", "study", SPACE, {}, 0, True)
        for _ in range(6):
            number, values = searcher.ask()
            searcher.behind(number, [0.8])
            searcher.tell(Trial(number, values, [0.8, 0.8], 0.8))
        number, values = searcher.ask()
        left[name] = searcher.behind(number, [0.1])
        searcher.tell(Trial(number, values, [0.1], None))
        assert searcher.trials()[-1] == Trial(number, values, [0.1], None)

    assert left == {"optuna": True, "hyperopt": False}


@pytest.mark.parametrize("delay_days", [0, 7])
def test_no_fold_knows_or_judges_a_day_that_the_model_is_judged_on(delay_days):
    rows = table()._replace(label_delay=delay_days * DAY)
    of = recipe({"folds": 3})
    weeks = [split(of, rows, number * 5) for number in range(2)]

    folds = tuning.folds_of(of, rows)

    first_judged = min(week.test.start for week in weeks)
    for fold in folds:
        assert fold.test.stop <= weeks[-1].train.stop  # so that its labels were known when the first model was made
        assert fold.test.stop + delay_days <= first_judged
        training = trains(of, rows, fold)
        assert (rows.time[training] + rows.label_delay <= fold.test.start * DAY).all()
    assert [fold.test.stop - fold.test.start for fold in folds] == [5, 5, 5]
    assert folds[0].test.start == folds[1].test.stop
    latest = split(of, rows).test  # the control: with later days the first fold would have been one that judges
    assert latest.start >= first_judged


def test_what_is_resampled_in_a_fold_is_made_of_that_folds_training_alone():
    of = recipe(imbalance={"kind": "smote"})
    rows = table()

    for fold in tuning.folds_of(of, rows):
        tainted = rows._replace(values=np.column_stack([rows.values, ~fold.train.has(rows.period)]))
        fitted = fit(of, tainted, fold, [Member("1", "remembers", 1.0, Remembers())], lambda line: None)
        seen = fitted.ensemble.members[0].estimator
        assert len(seen.rows) > len(fitted.rows)
        assert (seen.rows[:, -1] == 0).all()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_search_finds_what_the_data_need(kind, jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    told = []

    found = tuning.search(
        recipe({"kind": kind, "jobs": jobs, "trials": 8}),
        table(),
        tmp_path / "s.sqlite",
        lambda trial, best: told.append((trial, best)),
    )

    assert len(found.trials) == len(told) == 8
    assert found.best.score == max(trial.score for trial in found.trials if trial.score is not None)
    assert found.recipe.estimator[0].parameters["max_depth"] >= 2
    assert found.recipe.estimator[0].search == {}
    assert told[-1][1].score == found.best.score
    assert all(len(trial.folds) == 2 for trial in found.trials if trial.score is not None)


def test_a_search_that_was_stopped_does_only_what_is_left(kind, tmp_path):
    file, told = tmp_path / "s.sqlite", []

    def stop(trial: Trial, best: Trial | None) -> None:
        told.append(trial)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning.search(recipe({"kind": kind}), table(), file, stop)
    found = tuning.search(recipe({"kind": kind}), table(), file, lambda trial, best: told.append(trial))

    assert len(told) == len(found.trials) == 6
    again = tuning.search(recipe({"kind": kind}), table(), file, lambda trial, best: told.append(trial))
    assert len(told) == 6
    assert again.best == found.best
    other = table()._replace(label=1 - table().label)  # the control: other data are another search
    assert len(tuning.search(recipe({"kind": kind, "trials": 1}), other, file).trials) == 1


def test_values_that_the_library_refuses_are_told_and_stop_nothing(kind, tmp_path):
    bad = {"kind": "decision_tree", "search": {"splitter": {"choices": ["best", "worst"]}}}

    found = tuning.search(recipe({"kind": kind, "trials": 8}, bad), table(), tmp_path / "s.sqlite")

    assert {trial.values["1-decision_tree.splitter"] for trial in found.trials if trial.score is not None} == {"best"}
    assert all("splitter" in trial.why for trial in found.trials if trial.values["1-decision_tree.splitter"] == "worst")


def test_what_can_not_be_searched_is_refused_with_the_cure(tmp_path):
    file = tmp_path / "s.sqlite"
    bare = {"kind": "decision_tree"}
    never = {**bare, "search": {"splitter": {"choices": ["worse", "worst"]}}}

    with pytest.raises(Refused, match=r"none of 2 trials came to its end; the last: .*splitter"):
        tuning.search(recipe({"trials": 2}, never), table(), file)
    with pytest.raises(Refused, match=r"needs \[estimator.search\]"):
        tuning.search(recipe(None, bare), table(), file)
    with pytest.raises(Refused, match="did you mean 'max_depth'"):
        tuning.search(
            recipe(None, {"kind": "decision_tree", "search": {"max_deep": {"low": 1, "high": 3}}}), table(), file
        )
    with pytest.raises(Refused, match="20 folds need more data"):
        tuning.search(recipe({"folds": 20}), table(), file)
    with pytest.raises(Refused, match="has no anomaly to judge a trial by"):
        tuning.search(recipe(), table()._replace(label=np.zeros(1800, dtype=np.int8)), file)


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"low": 3, "high": 3}, "must be less than"),
        ({"low": 0, "high": 3, "log": True}, "needs low > 0"),
        ({"choices": [1]}, "at least 2"),
    ],
)
def test_a_declaration_that_lets_nothing_be_chosen_is_refused(declared, why, tmp_path):
    file = tmp_path / "learn.toml"
    one = ", ".join(f"{key} = {str(value).lower()}" for key, value in declared.items())
    text = 'name = "m"\njob = "j"\n[[estimator]]\nkind = "lightgbm"\n[estimator.search]\nnum_leaves = { %s }\n'
    file.write_text(text % one + "[threshold]\nalerts_per_day = 3\n")

    with pytest.raises(Refused, match=why):
        read_recipe(file)


LEARN = """
name = "small"
job = "payments"
dataset = "payments"
[train]
warm_up = "5d"
drop_known = "customer"
[train.tune]
kind = "hyperopt"
trials = 3
folds = 1
[[estimator]]
kind = "lightgbm"
n_estimators = 10
num_leaves = 4
[estimator.search]
num_leaves = { low = 3, high = 15 }
learning_rate = { low = 0.01, high = 0.3, log = true }
[threshold]
alerts_per_day = 3
[test]
key = "customer"
"""


@pytest.fixture(scope="module")
def payments(tmp_path_factory) -> Path:
    return make_payments(tmp_path_factory.mktemp("payments"))


def test_the_best_values_become_a_recipe_beside_the_old_one_and_pictures(payments, tmp_path):
    file = tmp_path / "learn.toml"
    file.write_text(LEARN)
    said: list[str] = []
    bars = Bars()
    learning = Learning(file, str(payments), runs=tmp_path / "runs", say=said.append, bar=bars)

    tuned = tune(learning)

    written = read_recipe(tuned.recipe)
    assert tuned.recipe == tmp_path / "learn.tuned.toml"
    assert written.estimator[0].parameters == {
        "n_estimators": 10,
        "num_leaves": tuned.found.best.values["1-lightgbm.num_leaves"],
        "learning_rate": tuned.found.best.values["1-lightgbm.learning_rate"],
    }
    assert (written.train, written.test) == (learning.recipe.train, learning.recipe.test)
    assert {path.name for path in tuned.folder.iterdir()} == {"study.sqlite", "search.png", "parameters.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tuned.folder.glob("*.png"))
    assert f"average precision {tuned.found.best.score:.4f}, num_leaves" in said[-1]
    assert (bars.seen["trials"].at, bars.seen["trials"].total) == ([0, 0, 1, 2, 3], 3)


def test_the_picture_of_the_parameters_has_a_panel_for_each_and_plain_numbers():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    space = {"leaves": Between(low=5, high=60, log=True), "rate": Between(low=0.01, high=0.3, log=True)}
    trials = [Trial(at, {"leaves": 7 + at, "rate": 0.05 * (at + 1)}, [0.5], 0.5 + at / 10) for at in range(4)]
    figure = Figure()

    tuning_plots.parameters(figure, trials, space)
    FigureCanvasAgg(figure).draw()

    texts = [text.get_text() for axes in figure.axes for text in axes.get_xticklabels(which="both")]
    assert [axes.get_title() for axes in figure.axes] == ["leaves", "rate"]
    assert {"10", "0.1", "0.2"} <= set(texts)
    assert "$" not in "".join(texts)


def test_a_search_that_goes_on_is_as_far_as_all_its_trials(payments, tmp_path):
    file, bars = tmp_path / "learn.toml", Bars()
    file.write_text(LEARN.replace("trials = 3", "trials = 1"))
    tune(Learning(file, str(payments), runs=tmp_path / "runs", say=lambda line: None))
    file.write_text(LEARN.replace("trials = 3", "trials = 2"))

    tune(Learning(file, str(payments), runs=tmp_path / "runs", say=lambda line: None, bar=bars))

    assert (bars.seen["trials"].at, bars.seen["trials"].total) == ([0, 0, 2], 2)


def test_the_command_prints_where_the_tuned_recipe_is_and_that_one_trains(payments, tmp_path):
    file, runs = tmp_path / "learn.toml", ["--runs", str(tmp_path / "runs")]
    file.write_text(LEARN.replace("hyperopt", "optuna"))

    tuned = CliRunner().invoke(app, ["tune", "-f", str(file), "--data", str(payments), *runs])
    trained = CliRunner().invoke(app, ["train", "-f", tuned.stdout.strip(), "--data", str(payments), *runs])

    assert tuned.exit_code == 0
    assert tuned.stdout == f"{tmp_path / 'learn.tuned.toml'}\n"
    assert trained.exit_code == 0


def test_a_recipe_written_as_toml_is_the_same_recipe():
    of = recipe(
        estimator={
            "kind": "lightgbm",
            "seeds": [1, 2],
            "reg_lambda": 0.5,
            "objective": 'a "quoted" é',
            "search": SPACE,
        },
        imbalance={"kind": "smote", "ratio": 0.1},
        half_life="30d",
        **{"from": "2026-01-05"},
    )

    assert Recipe.model_validate(tomllib.loads(toml_of(of))) == of
