"""The reference model `payments`: a random forest on simulated payments, trained early, judged later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from atipico.learn.cards import percent, table
from atipico.learn.evaluate import measure, threshold_for
from atipico.learn.register import Trained
from atipico.learn.rows import job_rows
from atipico.registry.jobs import Job
from atipico.sources.payments import simulate
from atipico.sources.payments_world import DAY, START

SCENARIOS: Mapping[int, str] = {1: "amount", 2: "terminal", 3: "card"}
# Seed, customers, terminals, payments a day: worlds of different sizes, so that no count of one world is learnt by
# heart. The generator's own world (seed 1) is none of them.
WORLDS = ((11, 200, 100, 480), (12, 600, 300, 1440), (13, 400, 800, 600))
TRAIN, DELAY, BUDGETED, LATER = 70, 7, 14, 29  # days, one span after the other
FRESH = (1, 200, 100, 480)  # the world that the generator streams
FRESH_DAYS = 60
BUDGET = 0.01  # of all payments may raise an alert


class _Payments(NamedTuple):
    """Rows of the job, float64 (m, k), the scenario of each, and its day since the world began."""

    rows: np.ndarray
    scenario: np.ndarray
    day: np.ndarray

    def between(self, first: int, end: int) -> _Payments:
        here = (self.day >= first) & (self.day < end)
        return _Payments(*(column[here] for column in self))


def train(job: Job, made_by: str) -> Trained:
    """Train on days 0..69 of each world, set the threshold on days 77..90, judge on 91..119 and on a fresh world."""
    worlds = [_simulated(job, world, TRAIN + DELAY + BUDGETED + LATER) for world in WORLDS]
    early = _joined([world.between(0, TRAIN) for world in worlds])
    budgeted = _joined([world.between(TRAIN + DELAY, TRAIN + DELAY + BUDGETED) for world in worlds])
    later = _joined([world.between(TRAIN + DELAY + BUDGETED, 10**6) for world in worlds])
    fresh = _simulated(job, FRESH, FRESH_DAYS)

    forest = RandomForestClassifier(
        n_estimators=60, max_depth=9, min_samples_leaf=10, max_samples=0.3, random_state=7, n_jobs=2
    )
    # Live rows are compared as float32, by scikit-learn and by the compiled form; so they are here.
    forest.fit(early.rows.astype(np.float32), early.scenario > 0)
    forest.n_jobs = 1

    def scores(of: _Payments) -> np.ndarray:
        return np.asarray(forest.predict_proba(of.rows))[:, 1]

    threshold = threshold_for(scores(budgeted), BUDGET)
    on_later = measure(scores(later), later.scenario, SCENARIOS, threshold)
    on_fresh = measure(scores(fresh), fresh.scenario, SCENARIOS, threshold)
    return Trained(
        name="payments",
        kind="supervised",
        estimator=forest,
        columns=[spec.name for spec in job.features],
        known=budgeted.rows,
        usual=budgeted.scenario == 0,
        threshold=threshold,
        metrics=on_later | {f"fresh_{name}": value for name, value in on_fresh.items()},
        card=_card(on_later, on_fresh, threshold, len(early.rows), made_by),
        trained_on=f"{len(early.rows)} simulated payments, days 0..{TRAIN - 1} of worlds {[w[0] for w in WORLDS]}",
        made_by=made_by,
    )


def _simulated(job: Job, world: tuple[int, int, int, float], days: int) -> _Payments:
    seed, customers, terminals, per_day = world
    columns = simulate(days, seed, customers, terminals, per_day)
    time = columns["event_time"]
    rows = job_rows(job, time, columns, [""] * len(time), columns["fraud"])
    return _Payments(rows, columns["scenario"], (time - START) // DAY)


def _joined(parts: list[_Payments]) -> _Payments:
    return _Payments(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _card(later: Mapping[str, float], fresh: Mapping[str, float], threshold: float, many: int, made_by: str) -> str:
    budgeted, judged = TRAIN + DELAY, TRAIN + DELAY + BUDGETED
    return f"""# payments

How likely a card payment is fraud, from its amount beside its card's and its terminal's past, and from what is known
by now of that terminal's payments.

- **Made by** `{made_by}`: a random forest of 60 trees, on the features of `jobs/payments.toml`,
  computed by the code that computes them live, from the first payment of a card on.
- **Trained on** {many} payments of three simulated worlds (`atipico.sources.payments`), days 0..{TRAIN - 1}.
  Labels come {DELAY} days late, so nothing of days {TRAIN}..{budgeted - 1} is used at all.
- **Threshold** {threshold:.4f}: at most {percent(BUDGET)} of the payments of days {budgeted}..{judged - 1} reach it,
  which is the budget of alerts. It was set without looking at labels.

## How good it is

`later`: days {judged}..{judged + LATER - 1} of the same worlds. `fresh`: {FRESH_DAYS} days, from its very first
payment, of a world that the model never saw: the one that the generator streams by default.
Each kind of fraud is judged beside the genuine payments.

{table(("all", *SCENARIOS.values()), {"later": later, "fresh": fresh})}

## What it can't do

- A **terminal** that was compromised shows in its labels and not in its amounts: in the {DELAY} days before the first
  of them is known, nothing tells its frauds from genuine payments.
- A **card** in the hands of another shows by larger amounts; its ordinary ones stay unseen.
- The worlds are simulated. Money of another currency or other habits need a training of their own.
"""
