"""Learning from a file: nothing of the future trains, the figures are what they say, stages fit together."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from atipico.cli.learn import app
from atipico.errors import Refused
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.learn import estimators
from atipico.learn.calendar import date_of
from atipico.learn.fit import fit
from atipico.learn.split import split
from atipico.learn.stages import Learning
from atipico.registry.models import load
from atipico.sources.file import File
from atipico.sources.payments_file import make_file
from learning import make_payments

RECIPE = """
name = "small"
job = "payments"
dataset = "payments"
[train]
warm_up = "5d"
drop_known = "customer"
[[estimator]]
kind = "lightgbm"
seeds = [1, 2]
n_estimators = 12
num_leaves = 7
subsample = 0.5
subsample_freq = 1
[[estimator]]
kind = "logistic_regression"
[threshold]
alerts_per_day = 3
[test]
k = 10
key = "customer"
known_over = "7d"
"""
LABELLED = """
model = "small"
stream = "payments"
clock = "event_time"
[labels]
id = "transaction_id"
delay = "7d"
[features]
amount = "amount"
ratio = { ratio = "amount", by = "customer", over = "7d" }
frauds = { sum = "label", by = "terminal", over = "30d" }
since = { since = "amount", by = "terminal", over = "30d", where = "label = 1" }
"""
TO = "2026-01-20"


@pytest.fixture(scope="module")
def payments(tmp_path_factory) -> Path:
    return make_payments(tmp_path_factory.mktemp("payments"))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture
def learn(tmp_path, payments):
    """`atipico learn ...` on a recipe, in a folder of its own."""

    def type_words(*words: str, recipe: str = RECIPE, data: Path = payments, to: str | None = TO):
        file = tmp_path / "learn.toml"
        file.write_text(recipe)
        rest = ["-f", str(file), "--data", str(data), "--runs", str(tmp_path / "runs")]
        rest += ["--train-to", to] if to else []
        rest += ["--models", str(tmp_path / "models")] if words[0] in ("register", "all") else []
        return CliRunner().invoke(app, [*words, *rest])

    return type_words


@pytest.fixture
def learning(tmp_path, payments):
    """Stages without the command."""

    def make(recipe: str = RECIPE, data: Path = payments, to: str | None = TO) -> Learning:
        file = tmp_path / "learn.toml"
        file.write_text(recipe)
        day = date.fromisoformat(to) if to else None
        return Learning(file, str(data), None, day, tmp_path / "runs", tmp_path / "models", say=lambda line: None)

    return make


def changed(payments: Path, out: Path, sql: str) -> Path:
    """A copy of a file with other rows or columns."""
    duckdb.sql(f"COPY (SELECT {sql} FROM read_parquet('{payments}') ) TO '{out}' (FORMAT parquet)")
    return out


def trained_files(run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run.folder / "estimators").glob("*.txt")}


def test_what_comes_after_the_last_training_day_changes_nothing_that_is_trained(learning, payments, tmp_path):
    """given a file whose labels and amounts after the last training day are others"""
    flipped = "* REPLACE (CASE WHEN time > '2026-01-21' THEN 1 - fraud ELSE fraud END AS fraud)"
    dearer = "* REPLACE (CASE WHEN time > '2026-01-21' THEN amount * 3 ELSE amount END AS amount)"
    earlier = "* REPLACE (CASE WHEN time BETWEEN '2026-01-12' AND '2026-01-18' THEN 1 - fraud ELSE fraud END AS fraud)"

    plain = learning().train()
    labels = learning(data=changed(payments, tmp_path / "a.parquet", flipped)).train()
    amounts = learning(data=changed(payments, tmp_path / "b.parquet", dearer)).train()
    control = learning(data=changed(payments, tmp_path / "c.parquet", earlier)).train()

    assert trained_files(plain) == trained_files(labels) == trained_files(amounts)
    assert plain.told["threshold"] == labels.told["threshold"]  # a budget looks at no label
    assert plain.told["threshold"] != amounts.told["threshold"]
    assert trained_files(plain) != trained_files(control)


def test_the_table_is_what_a_live_job_makes_of_the_same_samples_and_a_refused_one_does_not_train(learning, tmp_path):
    """given a job that looks at labels, and a file in which one amount is missing"""
    file = tmp_path / "some.csv"
    make_file(file, days=30, customers=30, terminals=10)
    lines = file.read_text().splitlines()
    lines[500] = lines[500].replace("," + lines[500].split(",")[4] + ",", ",,")
    file.write_text("\n".join(lines) + "\n")
    (tmp_path / "labelled.toml").write_text(LABELLED)
    stages = learning(RECIPE.replace('job = "payments"', 'job = "labelled.toml"'), data=file, to="2026-01-14")

    table = stages.table()

    job = stages.job
    source, plan, position, live = File(str(file), "payments"), Plan(job.features, job.clock, job.labels), {}, []
    while (batch := source.read(position, 1)).rows:  # a sample at a time, with the labels that came since the last
        fields, position = [fields for _, fields in batch.rows], batch.after
        columns = {name: [one.get(name) for one in fields] for name in plan.needs}
        due = Labels([one.id for one in batch.labels], [one.label for one in batch.labels], [0] * len(batch.labels))
        live.append(plan.rows([len(live)], [""], columns, due).values)
    assert np.array_equal(table.values, np.concatenate(live), equal_nan=True)
    assert len(np.unique(table.values[:, 2])) > 3  # frauds of a terminal that were known
    assert np.flatnonzero(~table.scorable).tolist() == [499]
    assert 499 not in fit(stages.recipe, table, split(stages.recipe, table), stages.members, print).rows


def test_the_test_begins_when_the_last_label_of_the_training_is_known(learning):
    run = learning().train()

    train, gap, test = (span[:2] for span in run.told["split"])

    assert [str(date_of(day)) for day in train] == ["2026-01-06", "2026-01-21"]  # the second is the first that does not
    assert gap == [train[1], train[1] + 7]
    assert test == [gap[1], gap[1] + 7]


def test_each_stage_alone_makes_what_all_make_together(learn, tmp_path):
    together = learn("all")
    runs = tmp_path / "runs"
    (first,) = (runs / "small").glob("2*")
    shutil.move(runs, tmp_path / "before")

    apart = [learn("train"), learn("evaluate"), learn("register")]

    (second,) = (runs / "small").glob("2*")
    told = [json.loads((tmp_path / "before/small" / first.name / "run.json").read_text())]
    told.append(json.loads((second / "run.json").read_text()))
    assert together.exit_code == 0
    assert together.stdout.splitlines()[-1] == "registered small@1"
    assert [one.exit_code for one in apart] == [0, 0, 0]
    assert apart[-1].stdout == "registered small@2\n"
    assert all(told[0][name] == told[1][name] for name in ("metrics", "threshold", "trained", "data", "features"))
    models = [load(tmp_path / "models" / "small" / version) for version in "12"]
    assert np.array_equal(models[0].golden.scores, models[1].golden.scores)
    assert models[0].threshold == told[0]["threshold"]["value"]


def test_a_runs_folder_holds_what_is_to_be_known_of_it(learn, tmp_path):
    learn("all")

    (run,) = (tmp_path / "runs" / "small").glob("2*")
    told = json.loads((run / "run.json").read_text())

    pictures = {path.name for path in run.glob("*.png")}
    assert pictures == {"precision-recall.png", "scores.png", "precision-at-k.png", "importance.png"}
    assert all((run / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    assert len(told["data"]["sha256"]) == 64
    assert {"features", "train", "threshold", "evaluate", "plots", "register"} == set(told["seconds"])
    assert set(told["metrics"]["by_estimator"]) == {"1-lightgbm-seed1", "1-lightgbm-seed2", "2-logistic_regression"}
    assert set(told["metrics"]["average"]["by_kind"]) <= {"1", "2", "3"}
    assert told["registered"] == "small@1"
    card = (tmp_path / "models/small/1/card.md").read_text()
    assert "at most 3 alerts a day" in card
    assert "| 1-lightgbm-seed1 |" in card


def test_the_registered_model_gives_the_mean_of_what_the_libraries_give(learning):
    stages = learning()
    run = stages.train()

    model = stages.register(run)

    ensemble = estimators.read_ensemble(run.told, run.folder / "estimators")
    rows = stages.table().values[::7]
    assert np.abs(model.score(rows) - ensemble.predict_proba(rows)[:, 1]).max() < 1e-9
    assert sum(one.share for one in ensemble.members) == pytest.approx(1)


def test_a_resampled_stacked_and_calibrated_model_is_served_as_it_was_judged(learn, learning, tmp_path):
    methods = '[train.imbalance]\nkind = "smote"\nratio = 0.5\nneighbours = 2\n'
    methods += '[train.ensemble]\nkind = "stacking"\ncalibrate = "sigmoid"\nspan = "4d"\n'
    told = learn("all", recipe=RECIPE.replace("[[estimator]]", f"{methods}[[estimator]]", 1))

    model = load(tmp_path / "models/small/1")
    (folder,) = (tmp_path / "runs/small").glob("2*")
    run, table = json.loads((folder / "run.json").read_text()), learning().table()
    first, end, _ = run["split"][2]
    test = (table.period >= first) & (table.period < end)
    assert told.exit_code == 0
    assert (model.score(table.values[test]) >= run["threshold"]["value"]).sum() / 7 == pytest.approx(
        run["metrics"]["average"]["alerts_per_day"]
    )
    assert set(run["ensemble"]["stacking"]) == {"kind", "slopes", "offset"}
    card = (tmp_path / "models/small/1/card.md").read_text()
    assert "stacked on its last 4d, calibrated (sigmoid) on its last 4d; against imbalance smote" in card


def test_a_learnt_model_is_served_without_what_it_was_learnt_with(learning, tmp_path):
    stages = learning()
    stages.register(stages.train())
    seen = "import sys; from pathlib import Path; from atipico.registry.models import load; "
    seen += f"load(Path({str(tmp_path / 'models/small/1')!r})); "
    seen += "print({'sklearn', 'lightgbm', 'onnx'} & set(sys.modules))"

    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)

    assert told.stdout == "set()\n"


def test_where_the_data_end_before_the_test_the_model_is_registered_with_a_warning(learn, tmp_path):
    told = learn("all", to="2026-02-05")

    assert told.exit_code == 0
    assert told.stdout == "registered small@1\n"
    assert "warning: not evaluated: the data are of 2026-01-01 .. 2026-02-09, the test is of 2026-02-13" in told.stderr
    assert "Nobody knows" in (tmp_path / "models/small/1/card.md").read_text()


def test_where_no_label_of_the_test_is_there_the_model_is_registered_with_a_warning(learn, payments, tmp_path):
    unlabelled = "* REPLACE (CASE WHEN time > '2026-01-25' THEN NULL ELSE fraud END AS fraud)"

    told = learn("all", data=changed(payments, tmp_path / "a.parquet", unlabelled))

    assert told.stdout == "registered small@1\n"
    assert "warning: not evaluated: no sample of 2026-01-28 .. 2026-02-03 has a label" in told.stderr


def test_where_the_data_end_within_the_test_it_is_judged_on_what_is_there(learn):
    told = learn("all", to="2026-01-29")

    assert "warning: the data end before the test does; judged on 2026-02-06 .. 2026-02-09 in place of" in told.stderr
    assert "judged on" in told.stderr


def test_a_budget_is_kept_on_the_days_before_the_model_is_made(learning):
    stages = learning()
    run = stages.train()
    table, (_, gap, _) = stages.table(), run.told["split"]
    ensemble = estimators.read_ensemble(run.told, run.folder / "estimators")

    here = (table.period >= gap[0]) & (table.period < gap[1])
    scores, _ = ensemble.scores(table.values[here])
    alerts = [
        int((scores[table.period[here] == day] >= run.told["threshold"]["value"]).sum()) for day in range(*gap[:2])
    ]

    assert max(alerts) == 3


def test_alerts_are_counted_of_known_cards_too_though_those_are_not_judged(learning):
    stages = learning()
    run = stages.train()

    stages.evaluate(run)

    table, (_, _, test), average = stages.table(), run.told["split"], run.told["metrics"]["average"]
    here = (table.period >= test[0]) & (table.period < test[1])
    ensemble = estimators.read_ensemble(run.told, run.folder / "estimators")
    scores, _ = ensemble.scores(table.values[here])
    assert average["alerts_per_day"] == (scores >= run.told["threshold"]["value"]).sum() / 7
    assert average["samples"] < here.sum()


@pytest.mark.parametrize("threshold", ["alerts_per_day = 3", "cost = { missed = 20, false_alert = 1 }"])
def test_where_no_day_follows_an_earlier_training_is_judged_for_the_threshold(learning, threshold):
    recipe = RECIPE.replace("alerts_per_day = 3", threshold)

    run = learning(recipe, to="2026-02-09").train()

    trained_to = "2026-02-02" if "alerts" in threshold else "2026-01-26"
    assert run.told["threshold"]["from"] == f"2026-02-03 .. 2026-02-09, trained on 2026-01-06 .. {trained_to}"
    assert 0 < run.told["threshold"]["value"] < 1


def test_judging_on_several_spans_trains_for_each(learning):
    stages = learning(RECIPE + "spans = 4\n", to="2026-01-25")
    run = stages.train()
    said = []
    stages.say = said.append

    stages.evaluate(run)

    spans = run.told["metrics"]["spans"]
    ends = sorted({line.split(" .. ")[1] for line in said if "-lightgbm" in line})
    assert spans["many"] == 3
    assert ends == ["2026-01-11", "2026-01-18"]
    assert "warning: judged on 3 of 4 spans: nothing left to train on" in " ".join(said)
    assert spans["auc"]["mean"] == pytest.approx(np.mean([span["auc"] for span in spans["figures"]]))
    assert spans["auc"]["spread"] == pytest.approx(np.std([span["auc"] for span in spans["figures"]], ddof=1))


def test_a_run_is_judged_as_it_was_trained_also_when_the_file_names_other_estimators_by_now(learning):
    several = RECIPE + "spans = 2\n"
    stages = learning(several)
    run = stages.train()
    stages.evaluate(run)
    whole = run.told.pop("metrics")
    del run.told["stages"]["evaluate"]  # as if it were still to do

    learning(several.replace("num_leaves = ", "learning_rate = 0.3\nnum_leaves = 2")).evaluate(run)

    assert run.told["metrics"] == whole


def test_a_run_that_left_out_rows_by_a_key_that_nobody_names_any_more_is_not_trained_again(learning):
    learning().train()
    without = RECIPE.replace('drop_known = "customer"\n', "").replace('key = "customer"\n', "")

    with pytest.raises(Refused, match=r"left out rows by customer, .* train again"):
        learning(without + "spans = 2\n").evaluate()
    assert learning(without).evaluate()  # where no earlier span is trained it is nothing to it


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("alerts_per_day", "alerts_a_day", "no setting 'threshold.alerts_a_day'; did you mean 'alerts_per_day'"),
        ('warm_up = "5d"', 'warmup = "5d"', "no setting 'train.warmup'; did you mean 'warm_up'"),
        ('"5d"', '"5h"', "train.warm_up = .5h. is no whole number of periods of 1d"),
        ('"5d"', '"5 days"', "train.warm_up = '5 days': duration '5 days' is not understood"),
        (
            "alerts_per_day = 3",
            'alerts_per_day = "ten"',
            "threshold.alerts_per_day = 'ten': Input should be a valid int",
        ),
        (
            "[train]",
            '[get]\nto = "a.csv"\nurl = "ftp://me:hush@there/"\n[train]',
            "get.url = 'ftp://.{3}@there/': String",
        ),
        ('"lightgbm"', '"lightgmb"', "no estimator 'lightgmb'; did you mean 'lightgbm'"),
        ("num_leaves", "num_leafs", "estimator lightgbm has no parameter 'num_leafs'; did you mean 'num_leaves'"),
        ("n_estimators = 12", "n_estimators = -1", "estimator 1-lightgbm-seed1"),
        ('job = "payments"', 'job = "payment"', "no job 'payment'.*did you mean 'payments'"),
        ('key = "customer"', 'key = "custmer"', "has no field 'custmer'; did you mean 'customer'"),
        ('job = "payments"', 'job = "payments"\nleave_out = ["amout"]', "no feature 'amout'; did you mean 'amount'"),
        ('dataset = "payments"', 'dataset = "payment"', "no data set 'payment'.*did you mean 'payments'"),
        ("[threshold]\nalerts_per_day = 3", "[threshold]", "needed either alerts_per_day = 100 or cost"),
        ('drop_known = "customer"', 'known_over = "7d"', "tell which, drop_known"),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_one(learning, old, new, told):
    assert old in RECIPE

    with pytest.raises(Refused, match=told):
        learning(RECIPE.replace(old, new)).train()


def test_what_is_not_there_is_said(learn, tmp_path):
    no_run, no_file = learn("register"), learn("train", data=tmp_path / "none.parquet")
    too_early = learn("train", to="2026-01-03")
    too_late = learn("train", to="2026-02-10")
    learn("train")
    no_such_run = learn("evaluate", "--run", "2026")

    assert "no run of small in" in str(no_run.exception)
    assert "none.parquet: no such file" in str(no_file.exception)
    assert "nothing left to train on: the data are of 2026-01-01 .. 2026-02-09" in str(too_early.exception)
    assert "no run '2026' of small" in str(no_such_run.exception)
    assert "give --train-to 2026-02-09 at the latest" in str(too_late.exception)


def test_a_run_of_other_features_is_not_judged_by_these(learning):
    run = learning().train()
    other = learning(RECIPE.replace('name = "small"', 'name = "small"\nleave_out = ["amount"]'))

    with pytest.raises(Refused, match=f"run {run.id} was trained on other features"):
        other.evaluate()
