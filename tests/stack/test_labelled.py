"""A job whose features look at labels, in the running stack: each label counts once and in its place, with kills."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from atipico.config import home
from atipico.features.block import Labels
from atipico.features.plan import Plan
from atipico.learn.register import Trained, register
from atipico.registry.jobs import load_job
from atipico.registry.models import Model, load
from stack.conftest import Stack
from waiting import until

JOB = """
model = "shops"
stream = "sale"
clock = "t"

[labels]
id = "sale_id"
delay = "20s"

[features]
amount = "amount"
known = { count = "label", by = "shop", over = "500s" }
share = { mean = "label", by = "shop", over = "500s" }
run = { run = "label", by = "shop", over = 20, where = "amount < 50" }
"""
COLUMNS = ("amount", "known", "share", "run")
M, S = 1500, 10**9


def trained() -> Trained:
    """A model that looks at all four columns."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 4)) * [20, 10, 0.3, 2] + [30, 10, 0.3, 1]
    strange = rows @ [0.03, 0.05, 3, 0.7] + rng.normal(size=500) > 4
    estimator = LogisticRegression(max_iter=1000).fit(rows, strange)
    return Trained(
        name="shops",
        kind="supervised",
        estimator=estimator,
        columns=COLUMNS,
        known=rows,
        usual=~strange,
        threshold=0.5,
        metrics={"auc_all": 0.9},
        card="# shops\n\nFor a test.",
        trained_on="500 rows",
        made_by="a test",
    )


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    """A stack whose jobs are the tracked ones and one whose model looks at labels."""
    for name in ("jobs", "models"):
        shutil.copytree(home() / name, tmp_path / name)
    (tmp_path / "jobs" / "sale.toml").write_text(JOB)
    register(trained(), tmp_path / "models")
    (tmp_path / "data").symlink_to(home() / "data")
    stack = Stack()
    stack.env["ATIPICO_HOME"] = str(tmp_path)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()


def undisturbed(jobs, model: Model, sales: list[dict]) -> np.ndarray:
    """The score of each sale, worked out at once: a label comes with the sale that is 20 behind its own."""
    job = load_job(jobs / "sale.toml")
    columns = {name: [sale[name] for sale in sales] for name in ("amount", "shop", "t", "sale_id")}
    labels = Labels([sale["sale_id"] for sale in sales[:-20]], [s["fraud"] for s in sales[:-20]], range(20, len(sales)))
    rows = Plan(job.features, job.clock, job.labels).rows(range(M), ["shard=0"] * M, columns, labels)
    return np.asarray(model.score(rows.values))


def write(stack: Stack, sales: list[dict], at: int, size: int, start: int) -> None:
    rows = []
    for n in range(at, at + size):
        if n >= 20:
            known = sales[n - 20]
            rows.append(f"labels,source=sale id={known['sale_id']}i,label={known['fraud']}i {start + n}")
            rows.append(f"labels,source=other id={known['sale_id']}i,label=1i {start + n}")
        one = sales[n]
        fields = f"amount={one['amount']!r},shop={one['shop']}i,t={one['t']}i,sale_id={one['sale_id']}i"
        rows.append(f"sale,shard=0 {fields} {start + n}")
    for row in rows:  # one by one, so that their order is the one they were written in
        until(lambda row=row: accepted(stack, row))


def accepted(stack: Stack, row: str) -> bool:
    """Whether the store took a row; one that was killed takes it when it is back."""
    try:
        stack.write(row.encode())
    except OSError:
        return False
    return True


@pytest.mark.timeout(300)  # four thousand writes, one by one, which take 90 s where ten want each of two cores
def test_labels_reach_the_features_live_as_they_do_at_once_whatever_is_killed(stack, tmp_path):
    rng, start = random.Random(3), time.time_ns() // S * S
    sales = [
        {"sale_id": n, "t": n * S, "shop": rng.randrange(4), "amount": rng.uniform(5, 80), "fraud": rng.randrange(2)}
        for n in range(M)
    ]
    expected = undisturbed(tmp_path / "jobs", load(tmp_path / "models" / "shops" / "1"), sales)

    for at in range(0, M, 50):
        write(stack, sales, at, 50, start)
        if at in (300, 700, 1000):
            stack.kill_and_wait({300: "agent", 700: "host", 1000: "store"}[at])
    until(lambda: len(stack.outcomes("sale")) >= M)
    told = stack.outcomes("sale")

    assert sorted(told) == [start + at for at in range(M)]
    assert all(one.scored for one in told.values())
    np.testing.assert_allclose([told[start + at].score for at in range(M)], expected, atol=1e-6)
    assert expected.std() > 0.05
