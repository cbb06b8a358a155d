"""The reference model `machine`: an isolation forest on how far each field is from its own last 10 minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.ensemble import IsolationForest

from atipico.learn.cards import percent
from atipico.learn.evaluate import measure, threshold_for
from atipico.learn.loads import TROUBLES, Series, usual_load, with_trouble
from atipico.learn.register import Trained
from atipico.learn.rows import job_rows
from atipico.registry.calibration import Calibration
from atipico.registry.jobs import Job

SECOND = 10**9
TRAIN, KNOWN, BUDGETED, JUDGED = range(100, 140), range(200, 260), range(300, 420), range(500, 600)  # machines (seeds)
SECONDS = 1800  # of each machine
WARM = 60  # the first seconds of a machine, in which z knows little; neither trained on nor judged
TROUBLE_S = 60
BUDGET = 0.002  # of usual samples may alert: at one a second, 7 in an hour


def train(job: Job, made_by: str) -> Trained:
    """Grow the forest on some machines, take the shares from others, the threshold from others, judge on yet others."""
    forest = IsolationForest(n_estimators=60, max_samples=1024, random_state=7)
    forest.fit(_usual(job, TRAIN).astype(np.float32))
    known = _usual(job, KNOWN)
    calibration = Calibration.of(-forest.score_samples(known))

    def scores(rows: np.ndarray) -> np.ndarray:
        return calibration(-forest.score_samples(rows))

    threshold = threshold_for(scores(_usual(job, BUDGETED)), BUDGET)
    rows, kinds = _judged(job)
    names = dict(enumerate(TROUBLES, start=1))
    found = measure(scores(rows), kinds, names, threshold)
    found["usual_alerts"] = round(float((scores(rows[kinds == 0]) >= threshold).mean()), 5)
    for number, name in names.items():
        alerts = (scores(rows[kinds == number]) >= threshold).reshape(-1, TROUBLE_S)
        found[f"troubles_found_{name}"] = round(float(alerts.any(axis=1).mean()), 3)
    return Trained(
        name="machine",
        kind="unsupervised",
        estimator=forest,
        columns=[spec.name for spec in job.features],
        known=known,
        usual=np.ones(len(known), dtype=bool),
        threshold=threshold,
        metrics=found,
        card=_card(found, threshold, names, made_by),
        trained_on=f"{len(TRAIN)} simulated machines, {SECONDS} s each",
        made_by=made_by,
    )


def _usual(job: Job, machines: Sequence[int]) -> np.ndarray:
    return np.concatenate([_rows(job, usual_load(machine, SECONDS))[WARM:] for machine in machines])


def _judged(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Rows of machines that had a trouble each, and its kind's number where it was on; 0 before, nothing after."""
    rows, kinds = [], []
    for at, machine in enumerate(JUDGED):
        kind = at % len(TROUBLES)
        start = SECONDS - TROUBLE_S
        load = with_trouble(usual_load(machine, SECONDS), list(TROUBLES)[kind], start, TROUBLE_S)
        rows.append(_rows(job, load)[WARM:])
        kinds.append(np.where(np.arange(WARM, SECONDS) < start, 0, kind + 1))
    return np.concatenate(rows), np.concatenate(kinds)


def _rows(job: Job, load: Series) -> np.ndarray:
    times = np.arange(len(load["cpu_percent"]), dtype=np.int64) * SECOND
    return job_rows(job, times, load, ["machine"] * len(times))


def _card(found: Mapping[str, float], threshold: float, names: Mapping[int, str], made_by: str) -> str:
    lines = [
        f"| {name} | {found[f'auc_{name}']:.3f} | {percent(found[f'troubles_found_{name}'])} |"
        for name in names.values()
    ]
    return f"""# machine

How strange a machine's load is beside its own last 10 minutes, all fields together.

- **Made by** `{made_by}`: an isolation forest of 60 trees on the features of `jobs/machine.toml`, each
  field's distance from its mean of 10 minutes in standard deviations.
- **Trained on** {len(TRAIN)} simulated machines of {SECONDS} s (`atipico.learn.loads`): walks, jobs that take
  processor and one other resource, heavy-tailed and often silent disk and network. No trouble was among them.
- **Score**: the share of the samples of {len(KNOWN)} other machines that are less strange.
- **Threshold** {threshold:.6g}: at most {percent(BUDGET)} of the samples of {len(BUDGETED)} yet other machines reach
  it, which is the budget of alerts; at one sample a second about {3600 * BUDGET:.0f} samples in an hour.

## How good it is

On {len(JUDGED)} machines that it never saw, each with {TROUBLE_S} s of one trouble at its end. AUC: the trouble's
samples beside all usual ones. Found: troubles of which at least one sample reaches the threshold.
Of the usual samples, {percent(found["usual_alerts"])} reach it.

| trouble | AUC | found |
| --- | --- | --- |
{chr(10).join(lines)}

A trouble shows in its first seconds: the longer it lasts, the more it is itself the last 10 minutes.

## What it can't do

- What grows slowly in one field alone, such as a leak, is mostly missed: ten fields are judged together.
- In the first minute of a machine's stream its past is short, and a score says little.
- A field that stood still for 10 minutes and moves at last is as far out as can be, however little it moves.
- The machines are simulated. What is usual on yours may alert more often or less than the budget says.
"""
