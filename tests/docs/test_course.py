"""The notebooks of the course that need no stack run as they stand, on a small world, and show what they say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import pytest

from atipico.config import home
from atipico.errors import Refused
from atipico.lab.export import to_pdf
from atipico.learn.course import COURSE, material
from atipico.learn.recipe import changed, read_recipe
from creditcard import write_creditcard
from docs.pages import pictures
from executed import complaints, outputs, pictures_of

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PICTURES = {"01-look": 5, "02-prepare": 4, "03-tuning": 4, "04-ensembles": 4}


@pytest.fixture
def execute(tmp_path):
    """Runs a notebook as if it lay in a checkout of its own."""
    (tmp_path / "notebooks").mkdir()

    def run(name: str, **env: str) -> Any:
        notebook = jupytext.read(NOTEBOOKS / f"{name}.py")
        runner = nbclient.NotebookClient(
            notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "notebooks")}}
        )
        runner.execute(env={**os.environ, COURSE: "small", "OMP_NUM_THREADS": "1", **env})
        return notebook

    return run


@pytest.mark.timeout(300)  # its kernel imports half the ecosystem first
@pytest.mark.parametrize("name", PICTURES)
def test_a_notebook_runs_says_what_it_is_for_and_has_its_pictures_as_pdf_too(name, execute, tmp_path):
    notebook = execute(name)
    to_pdf(notebook, tmp_path / "made.pdf")

    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert all(part in text for part in ("**Goal.**", "**Resumen.**", "## What we saw"))
    assert pictures_of(notebook) == PICTURES[name]
    assert pictures((tmp_path / "made.pdf").read_bytes()) == PICTURES[name]
    assert not complaints(notebook)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout in which somebody put a creditcard.csv; the notebooks' work stays in it, from one to the next."""
    there = tmp_path_factory.mktemp("checkout")
    for folder in ("data/creditcard", "jobs"):
        shutil.copytree(home() / folder, there / folder, ignore=shutil.ignore_patterns("*.csv"))
    write_creditcard(there / "data/creditcard/creditcard.csv")
    return there


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PICTURES)
def test_it_runs_on_the_well_known_two_days_as_it_stands_where_somebody_put_them(name, execute, checkout):
    notebook = execute(name, ATIPICO_COURSE="small creditcard", ATIPICO_HOME=str(checkout))

    texts = [out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs(notebook)]
    assert any("card payments, creditcard.csv" in text for text in texts)
    assert pictures_of(notebook) == PICTURES[name]
    assert not complaints(notebook)


def test_the_course_is_on_what_somebody_put_there_and_small_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv(COURSE, "small")
    small = material(tmp_path)
    made = small.data.stat().st_mtime_ns
    assert (small.recipe, small.small) == (home() / "data/payments/learn.toml", True)
    assert material(tmp_path).data.stat().st_mtime_ns == made  # and not simulated again

    monkeypatch.delenv(COURSE)
    monkeypatch.setenv("ATIPICO_HOME", str(tmp_path / "checkout"))
    there = tmp_path / "shared" / "data" / "transactions.parquet"
    there.parent.mkdir(parents=True)
    there.touch()

    found = material(tmp_path)

    assert (found.data.name, found.data.stat().st_size, found.small) == ("transactions.parquet", 0, False)
    assert found.recipe == tmp_path / "checkout/data/transactions/learn.toml"

    own = tmp_path / "checkout/data/creditcard/creditcard.csv"
    own.parent.mkdir(parents=True)
    own.touch()
    assert material(tmp_path).data == own
    monkeypatch.setenv(COURSE, "small transactions")
    assert (material(tmp_path).data, material(tmp_path).small) == (there, True)
    monkeypatch.setenv(COURSE, "creditcrd")
    with pytest.raises(Refused, match="no data called 'creditcrd'; did you mean 'creditcard'"):
        material(tmp_path)
    own.unlink()
    monkeypatch.setenv(COURSE, "creditcard")
    with pytest.raises(Refused, match=r"asks for creditcard, and there is no .*creditcard\.csv"):
        material(tmp_path)


def test_a_changed_recipe_keeps_all_that_was_not_named():
    recipe = read_recipe(home() / "data/payments/learn.toml")

    other = changed(recipe, train={"usual_share": 0.5}, estimator=[{"kind": "extra_trees"}])

    assert other.train == recipe.train.model_copy(update={"usual_share": 0.5})
    assert [one.kind for one in other.estimator] == ["extra_trees"]
    assert (other.test, other.threshold, other.job) == (recipe.test, recipe.threshold, recipe.job)
    assert changed(other, train={"usual_share": 1.0}, estimator=recipe.model_dump()["estimator"]).train == recipe.train
