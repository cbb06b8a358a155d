"""Training sees what live sees, and the figures are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atipico.config import home
from atipico.errors import Refused
from atipico.features.plan import Plan
from atipico.learn.evaluate import measure, threshold_for
from atipico.learn.loads import FIELDS, TROUBLES, usual_load, with_trouble
from atipico.learn.reference import REFERENCE, make
from atipico.learn.register import register
from atipico.learn.rows import job_rows
from atipico.registry.jobs import load_job
from atipico.registry.models import load
from atipico.sources.machine import Machine
from atipico.sources.payments import simulate
from trained import small

MODELS = home() / "models"


@settings(max_examples=100)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.floats(0.001, 0.5))
def test_no_more_than_the_budget_reaches_the_threshold(scores, budget):
    scores = np.round(np.array(scores) * 0.9, 3)

    assert (scores >= threshold_for(scores, budget)).mean() <= budget


def test_a_budget_is_used_up_where_scores_differ():
    scores = np.random.default_rng(0).random(10_000)

    assert (scores >= threshold_for(scores, 0.01)).mean() == pytest.approx(0.01)


def test_a_kind_is_judged_beside_the_usual_and_not_beside_other_kinds():
    scores, kinds = np.array([0.1, 0.2, 0.3, 0.25, 0.9]), np.array([0, 0, 0, 1, 2])

    found = measure(scores, kinds, {1: "one", 2: "two", 3: "three"}, threshold=0.5)

    assert found["auc_two"] == 1.0
    assert found["auc_one"] == pytest.approx(2 / 3, abs=1e-4)
    assert (found["recall_one"], found["recall_two"], found["precision"]) == (0.0, 1.0, 1.0)
    assert "auc_three" not in found


def test_rows_of_a_training_are_the_rows_of_live_blocks():
    job = load_job(home() / "jobs" / "payments.toml")
    columns = simulate(2, seed=5, customers=50)
    times = columns["event_time"]

    trained_on = job_rows(job, times, columns, [""] * len(times))
    plan, live = Plan(job.features, job.clock, job.labels), []
    for start in range(0, len(times), 7):
        block = slice(start, start + 7)
        live.append(
            plan.rows(
                times[block].tolist(), [""] * 7, {name: columns[name][block].tolist() for name in plan.needs}
            ).values
        )

    assert np.array_equal(trained_on, np.concatenate(live))


def test_a_training_with_a_sample_that_live_would_refuse_is_refused():
    job = load_job(home() / "jobs" / "payments.toml")
    columns = simulate(1, seed=5, customers=50)
    columns["amount"][3] = np.nan

    with pytest.raises(Refused, match="job payments: sample 3 of the training is refused: field amount is nan"):
        job_rows(job, columns["event_time"], columns, [""] * len(columns["amount"]))


def test_made_up_loads_have_the_fields_of_the_machine_and_stay_within_bounds():
    live = Machine(host="here").read({}, 1).rows[0][1]
    job = load_job(home() / "jobs" / "machine.toml")

    for seed in range(3):
        load = usual_load(seed, 900)
        assert set(load) == set(FIELDS) == set(live) == {spec.field for spec in job.features}
        assert all(np.isfinite(values).all() and (values >= 0).all() for values in load.values())
        assert all(load[name].max() <= 100 for name in ("cpu_percent", "memory_percent", "swap_percent"))


@pytest.mark.parametrize("kind", TROUBLES)
def test_a_trouble_changes_nothing_before_it(kind):
    usual = usual_load(1, 900)

    troubled = with_trouble(usual, kind, 800, 60)

    assert all(np.array_equal(troubled[name][:800], usual[name][:800]) for name in FIELDS)
    assert any(not np.array_equal(troubled[name], usual[name]) for name in FIELDS)


def test_a_model_that_is_made_again_gives_the_same_scores(tmp_path):
    first, second = register(small(), tmp_path), register(small(), tmp_path)

    assert np.array_equal(first.golden.scores, second.golden.scores)
    assert (tmp_path / "small/1/model.onnx").read_bytes() == (tmp_path / "small/2/model.onnx").read_bytes()


def test_an_unknown_reference_model_gets_the_nearest_one(tmp_path):
    with pytest.raises(Refused, match="no reference model 'payment'; did you mean 'payments'"):
        make("payment", tmp_path)


@pytest.mark.parametrize("name", REFERENCE)
def test_a_tracked_model_is_small_and_gives_its_golden_scores(name):
    folder = MODELS / name / "1"  # a checkout that was used has later ones, of its own

    model = load(folder)

    assert sum(path.stat().st_size for path in folder.iterdir()) <= 2**20
    assert model.manifest.made_by == f"atipico model make {name}"
    assert model.manifest.made_by in (folder / "card.md").read_text()


@pytest.mark.parametrize("name", REFERENCE)
def test_the_job_of_a_tracked_model_declares_its_very_columns(name):
    job = load_job(home() / "jobs" / f"{name}.toml")

    model = load(MODELS / job.model / "1")

    assert tuple(spec.name for spec in job.features) == model.columns


def test_the_tracked_payments_model_finds_the_frauds_it_says_it_finds():
    job = load_job(home() / "jobs" / "payments.toml")
    model = load(MODELS / "payments" / "1")
    columns = simulate(40, seed=4711, customers=150)  # a world that nobody trained on

    rows = job_rows(job, columns["event_time"], columns, [""] * len(columns["amount"]))
    found = measure(model.score(rows), columns["scenario"], {1: "amount", 2: "terminal", 3: "card"}, model.threshold)

    assert found["auc_amount"] > 0.99
    assert found["auc_card"] > 0.85
    assert found["alerts"] < 0.02
    assert found["precision"] > 10 * found["anomalies"]


def test_the_tracked_machine_model_sees_a_flood_and_leaves_usual_machines_alone():
    job = load_job(home() / "jobs" / "machine.toml")
    model = load(MODELS / "machine" / "1")
    usual = usual_load(9001, 1200)
    flooded = with_trouble(usual, "flood", 1000, 60)
    times = np.arange(1200) * 10**9

    calm = model.score(job_rows(job, times, usual, ["here"] * 1200))
    storm = model.score(job_rows(job, times, flooded, ["here"] * 1200))

    assert (calm[60:] >= model.threshold).mean() < 0.02
    assert (storm[1000:1010] >= model.threshold).any()
