"""What a run becomes in the registry: its model, and the card that a person should read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from atipico.learn.ensembles import Ensemble
from atipico.learn.recipe import periods_of
from atipico.learn.register import Trained

Told = Mapping[str, Any]
_UNITS = [(86_400 * 10**9, "days"), (3600 * 10**9, "hours"), (60 * 10**9, "minutes"), (10**9, "seconds")]
_FIGURES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "precision_at_k": "precision@k",
    "alerts_per_day": "alerts a day",
    "precision": "precision of the alerts",
    "recall": "recall of the alerts",
}


def trained_of(run: Told, rows: np.ndarray, label: np.ndarray, ensemble: Ensemble) -> Trained:
    """A run as the registry takes it, from what it tells of itself. rows, label: the sample of its training."""
    trained, data = run["trained"], run["data"]
    figures = run.get("metrics", {}).get("average", {})
    return Trained(
        name=run["model"],
        kind="supervised",
        estimator=ensemble,
        columns=run["features"]["columns"],
        known=rows,
        usual=label == 0,
        threshold=float(run["threshold"]["value"]),
        metrics={name: round(float(one), 6) for name, one in figures.items() if isinstance(one, int | float)},
        card=card(run),
        trained_on=f"{trained['rows']} rows of {trained['span']}, {data['file']} with SHA-256 {data['sha256'][:12]}…",
        made_by=f"atipico learn, run {run['run']}",
    )


def card(run: Told) -> str:
    """The card of a run, in Markdown."""
    recipe, trained, threshold = run["recipe"], run["trained"], run["threshold"]
    wanted = recipe["threshold"]
    budget = (
        f"at most {wanted['alerts_per_day']} alerts a day"
        if wanted["alerts_per_day"]
        else f"the least cost, {wanted['cost']['missed']:g} for a missed anomaly and "
        f"{wanted['cost']['false_alert']:g} for a false alert"
    )
    members = ", ".join(f"{one['name']} ({100 * one['share']:.3g} %)" for one in run["estimators"])
    return f"""# {run["model"]}

How likely a sample is an anomaly, learnt from labels; the features are those of the job `{run["job"]}`.

- **Made by** run {run["run"]}, as `learn.toml` says: {members}{_combined(recipe["train"])}.
- **Trained on** {trained["rows"]} samples of {trained["span"]}, {trained["anomalies"]} of them anomalies, from
  {run["data"]["file"]} (SHA-256 `{run["data"]["sha256"][:16]}…`).
- **Labels** count as known {_late(run["label_delay_ns"])} their sample: no later one had a part in it.
- **Threshold** {threshold["value"]:.6g}: {budget}, on {threshold["from"]}.

## How good it is

{_judged(run.get("metrics"), run["estimators"][0]["name"], recipe["period"])}

## What it can't do

- It has seen this span of this data. What changes later it does not know until it is learnt again.
- {_probability(recipe["train"])}
"""


def _late(delay: int) -> str:
    if not delay:
        return "at once with"
    unit, word = next((of for of in _UNITS if delay >= of[0]), _UNITS[-1])
    return f"{delay / unit:g} {word if delay != unit else word.removesuffix('s')} after"


def _combined(train: Told) -> str:
    imbalance, ensemble = train["imbalance"], train["ensemble"]
    told = f", stacked on its last {ensemble['span']}" if ensemble["kind"] == "stacking" else ""
    if ensemble["calibrate"] != "none":
        told += f", calibrated ({ensemble['calibrate']}) on its last {ensemble['span']}"
    if imbalance["kind"] != "none":
        told += f"; against imbalance {imbalance['kind']}, {imbalance['ratio']:g} anomalies to a usual row"
    return told


def _probability(train: Told) -> str:
    if train["ensemble"]["calibrate"] != "none":
        return "A score is a probability as far as the stream goes on like what it was calibrated on."
    if train["imbalance"]["kind"] != "none":
        return "A score is no probability: what trained had more anomalies than there are."
    return "A score is what the estimators take for a probability; how well it is one, nobody checked."


def _judged(metrics: Told | None, first: str, period: str) -> str:
    """first: what the only estimator is called, where there is no other."""
    if metrics is None:
        return "Nobody knows: the data ended before what it would have been judged on."
    average = metrics["average"]
    lines = [
        f"On {average['samples']} samples of {metrics['span']}, {average['anomalies']} of them anomalies; k is "
        f"{metrics['k']}. ± is the standard deviation over {periods_of(period)}.",
        "",
        f"| estimator | {' | '.join(_FIGURES.values())} |",
        f"| --- |{' --- |' * len(_FIGURES)}",
        *(_row(name, told) for name, told in metrics["by_estimator"].items()),
        _row("**all, averaged**" if metrics["by_estimator"] else first, average),
    ]
    if average["by_kind"]:
        lines += [
            "",
            "| kind | samples | AUC | recall of the alerts | among the first |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {kind} | {one['samples']} | {_n(one['auc'])} | {_n(one['recall'])} | {_n(one['among_first'])} |"
            for kind, one in average["by_kind"].items()
        ]
        lines += ["", "Among the first: of as many samples as there are anomalies, those of the highest scores."]
    spans = metrics["spans"]
    if spans["many"] > 1:
        told = ", ".join(f"{word} {_n(spans[n]['mean'])} ± {_n(spans[n]['spread'])}" for n, word in _FIGURES.items())
        lines += ["", f"Over {spans['many']} such spans, each after a training of its own: {told}."]
    return "\n".join(lines)


def _row(name: str, told: Told) -> str:
    cells = [f"{_n(told[figure])}{_spread(told['spread'].get(figure))}" for figure in ("auc", "average_precision")]
    cells.append(f"{_n(told['precision_at_k'])}{_spread(told['spread']['precision_at_k'])}")
    cells.append(f"{told['alerts_per_day']:.3g}")
    return f"| {name} | {' | '.join([*cells, _n(told['precision']), _n(told['recall'])])} |"


def _spread(value: float | None) -> str:
    return "" if value is None else f" ± {value:.3f}"


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
