"""The well-known two days of card payments, by the recipe and the job that come with them."""

from __future__ import annotations

import shutil

import pytest

from atipico.config import home
from atipico.errors import NotYet
from atipico.features.plan import Plan
from atipico.learn.recipe import changed
from atipico.learn.stages import Learning
from atipico.registry.jobs import load_job
from atipico.sources.dataset import pick_dataset
from creditcard import write_creditcard


def test_what_nobody_put_there_is_asked_for_and_what_somebody_put_there_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("ATIPICO_OPENML", "http://127.0.0.1:9")
    shutil.copy(home() / "data/creditcard/learn.toml", tmp_path)
    said: list[str] = []
    learning = Learning(tmp_path / "learn.toml", runs=tmp_path / "runs", say=said.append)

    with pytest.raises(NotYet, match="get it by hand: put it there as"):
        learning.all()
    write_creditcard(tmp_path / "creditcard.csv", rows=10, frauds=2)

    assert learning.put_there()
    assert "creditcard.csv was put there" in said[-1]


def test_the_recipe_learns_from_two_days_a_model_that_its_job_takes(tmp_path):
    file = tmp_path / "creditcard.csv"
    write_creditcard(file, rows=2500)

    learning = Learning(
        home() / "data/creditcard/learn.toml",
        str(file),
        runs=tmp_path,
        models=tmp_path / "models",
        say=lambda line: None,
    )
    learning.recipe = changed(learning.recipe, threshold={"alerts_per_day": 80})
    model = learning.all()

    run = learning.find_run()
    job = load_job(home() / "jobs/creditcard.toml")
    assert pick_dataset(file).measurement == job.stream == "creditcard"
    assert tuple(model.columns) == Plan(job.features, job.clock, job.labels).columns
    assert run.told["metrics"]["span"] == "2013-09-02T18:00 .. 2013-09-03T00:00"
    assert run.told["metrics"]["average"]["auc"] > 0.7
    assert run.told["metrics"]["spans"]["many"] == 2
    assert "over periods of 3h" in (tmp_path / "models/creditcard/1/card.md").read_text()
