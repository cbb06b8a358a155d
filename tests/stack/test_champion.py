"""A model that was registered goes live by one command, while samples flow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from atipico.config import home
from atipico.learn.register import Trained, register
from atipico.registry.models import load
from cloned import learnt_here
from stack.conftest import Stack
from waiting import until


@pytest.fixture
def stack(new_stack, tmp_path) -> Iterator[Stack]:
    """Payments, in a house of their own."""
    for name in ("models", "jobs", "data"):
        shutil.copytree(home() / name, tmp_path / name, ignore=learnt_here)
    new_stack.env["ATIPICO_HOME"] = str(tmp_path)
    new_stack.up("--rate", "100")
    yield new_stack
    new_stack.close()


def next_payments(models) -> Trained:
    """Another model of the columns that payments@1 takes; one that only looks at the amount."""
    columns = load(models / "payments" / "1").columns
    rows = np.abs(np.random.default_rng(1).normal(size=(400, len(columns)))) * 200
    strange = rows[:, columns.index("amount")] > 400
    estimator = LogisticRegression(max_iter=1000).fit(rows, strange)
    told = {"metrics": {"auc_all": 0.9}, "card": "# payments", "trained_on": "400 rows", "made_by": "a test"}
    return Trained("payments", "supervised", estimator, columns, rows, ~strange, 0.5, **told)


def newest(stack: Stack, most: int = 50) -> list[str]:
    """The versions that the newest samples of the job payments were scored by, at most so many."""
    of = "\"atipico_job\" = 'payments' AND time > 0"
    series = stack.query(f'SELECT "version" FROM "scores" WHERE {of} ORDER BY time DESC LIMIT {most}')
    return [row[1] for one in series for row in one["values"]]


def test_a_registered_champion_goes_live_by_one_command_and_no_sample_waits_for_it(stack, tmp_path):
    until(lambda: stack.scores() > 50)
    register(next_payments(tmp_path / "models"), tmp_path / "models")
    seen = stack.scores()
    until(lambda: stack.scores() > seen + 100)
    before = set(newest(stack))

    told = stack.in_another_shell("model", "reload")
    assert told.returncode == 0, told.stderr
    until(lambda: set(newest(stack)) == {"payments@2"})

    outcomes = stack.outcomes("payments")
    assert before == {"payments@1"}  # there, and not yet asked for
    assert "payments             payments@2 is live, was payments@1" in told.stdout
    assert "machine              machine@1 as before" in told.stdout
    assert all(one.scored for one in outcomes.values())
    assert stack.status()["classifier"]["restarts"] == 0


def test_where_nothing_runs_it_is_told(new_stack):
    told = new_stack.atipico("model", "reload")
    shutil.rmtree(new_stack.run)

    assert told.returncode == 1
    assert "no classifier runs for" in told.stderr
