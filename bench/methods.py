"""What each way of resampling, ensembling and tuning brings on card transactions whose labels come a week late.

    .venv/bin/python bench/methods.py FILE [--out methods.jsonl] [--only PART] [--table]

FILE: the transactions (docs/numbers.md). Each method is trained and judged on three weeks, as learn.toml judges; a line
of --out is one of them, and what stands there is not measured again, so it may be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import process_time
from typing import Any

if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy is there

import numpy as np

from atipico.config import home
from atipico.learn.judge import tried
from atipico.learn.prepared import find_job
from atipico.learn.recipe import Recipe, changed, read_recipe
from atipico.learn.split import split
from atipico.learn.table import Table, table_of
from atipico.learn.tuning import search

RECIPE = home() / "data" / "transactions" / "learn.toml"
WEEKS = 3
LAST = "2018-08-14"  # the last day that trains, of the last of the weeks
SHARE = 0.05  # of the genuine transactions train (learn.toml: 0.125), so that all of it takes an hour of one core
RATIO = 0.25  # anomalies to a usual row, of all that resample

SAME = {"to": LAST, "usual_share": SHARE}

LIGHTGBM, FOREST = (one.model_dump() for one in read_recipe(RECIPE).estimator)
TREE: dict[str, Any] = {"kind": "decision_tree", "max_depth": 5}
LOGISTIC = {"kind": "logistic_regression"}
UNTUNED = {"kind": "lightgbm"}
SEARCHED = {
    "kind": "lightgbm",
    "n_estimators": 150,
    "subsample_freq": 1,
    "search": {
        "learning_rate": {"low": 0.02, "high": 0.3, "log": True},
        "num_leaves": {"low": 4, "high": 63, "log": True},
        "min_child_samples": {"low": 5, "high": 200, "log": True},
        "colsample_bytree": {"low": 0.2, "high": 1.0},
        "subsample": {"low": 0.4, "high": 1.0},
        "reg_lambda": {"low": 0.01, "high": 100, "log": True},
    },
}
TRIALS = (10, 25)  # the second goes on where the first was

Method = Mapping[str, Any]  # of a recipe: estimator, train


def imbalance() -> Iterator[tuple[str, Method]]:
    for name, one in {"decision_tree": TREE, "random_forest": FOREST, "lightgbm": LIGHTGBM}.items():
        for kind in ("none", "class_weights", "random_under", "random_over", "smote", "adasyn", "smote_enn"):
            ratio = 1.0 if kind == "class_weights" else RATIO
            yield f"{kind}, {name}", {"estimator": [one], "train": {"imbalance": {"kind": kind, "ratio": ratio}}}
    trees = {"n_estimators": 60}
    yield "balanced_random_forest", {"estimator": [{"kind": "balanced_random_forest", **trees, "min_samples_leaf": 5}]}
    yield "balanced_bagging", {"estimator": [{"kind": "balanced_bagging", **trees, "estimator__min_samples_leaf": 5}]}
    yield "easy_ensemble", {"estimator": [{"kind": "easy_ensemble", "n_estimators": 10}]}


def ensembles() -> Iterator[tuple[str, Method]]:
    leaf = {"min_samples_leaf": 20, "max_depth": 14}
    yield "one tree", {"estimator": [{"kind": "decision_tree", **leaf}]}
    bagged = {f"estimator__{name}": value for name, value in leaf.items()}
    yield "bagging", {"estimator": [{"kind": "bagging", "n_estimators": 30, **bagged}]}
    yield "random_forest", {"estimator": [FOREST]}
    yield "extra_trees", {"estimator": [{**FOREST, "kind": "extra_trees"}]}
    yield "ada_boost", {"estimator": [{"kind": "ada_boost", "n_estimators": 40, "estimator__max_depth": 3}]}
    yield "gradient_boosting", {"estimator": [{"kind": "gradient_boosting", "subsample": 0.5, "max_features": 0.3}]}
    yield "hist_gradient_boosting", {"estimator": [{"kind": "hist_gradient_boosting", "learning_rate": 0.05}]}
    yield "lightgbm", {"estimator": [LIGHTGBM]}
    yield "logistic_regression", {"estimator": [LOGISTIC]}
    pair = [LIGHTGBM, FOREST]
    yield "voting", {"estimator": pair}
    yield "voting, with logistic_regression", {"estimator": [*pair, LOGISTIC]}
    yield "stacking", {"estimator": [*pair, LOGISTIC], "train": {"ensemble": {"kind": "stacking"}}}
    for kind in ("sigmoid", "isotonic"):
        yield f"voting, calibrated ({kind})", {"estimator": pair, "train": {"ensemble": {"calibrate": kind}}}


def tuned() -> Iterator[tuple[str, Method]]:
    yield "as the library has it", {"estimator": [UNTUNED]}
    yield "by hand (learn.toml)", {"estimator": [LIGHTGBM]}
    for kind in ("optuna", "hyperopt"):
        for trials in TRIALS:
            yield (
                f"{kind}, {trials} trials",
                {"estimator": [SEARCHED], "train": {"tune": {"kind": kind, "trials": trials, "folds": 2}}},
            )


PARTS = {"imbalance": imbalance, "ensembles": ensembles, "tuning": tuned}


def measured(recipe: Recipe, table: Table, week: int, out: Path) -> dict[str, float]:
    """The figures of one week, so many before the last. What is searched is searched once, before all weeks."""
    if any(one.search for one in recipe.estimator):
        studies = out.with_suffix(f".{recipe.train.tune.kind}.sqlite")
        recipe = search(recipe, table, studies, lambda trial, best: print(trial, flush=True)).recipe
    made, begun = split(recipe, table, week * recipe.periods(recipe.test.span)), process_time()
    _, found = tried(recipe, table, made)
    seconds = process_time() - begun
    figures = {name: found.told["average"][name] for name in ("auc", "average_precision", "precision_at_k")}
    brier = float(np.mean((found.scores - (found.label == 1)) ** 2))
    return {**figures, "brier": brier, "seconds": round(seconds, 1)}


def measure(parts: list[str], table: Table, out: Path) -> None:
    known = {(line["part"], line["method"], line["week"]) for line in lines(out)}
    for week in range(WEEKS):
        for part in parts:
            for name, method in PARTS[part]():
                if (part, name, week) in known:
                    continue
                recipe = changed(read_recipe(RECIPE), **{**method, "train": {**SAME, **method.get("train", {})}})
                line = {"part": part, "method": name, "week": week, **measured(recipe, table, week, out)}
                with out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(line, flush=True)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def told(part: str, found: list[dict[str, Any]]) -> str:
    """A Markdown table of a part: means over the weeks that are there, and the standard deviation."""
    rows = [
        f"| {part} | average precision | AUC | card precision@100 | Brier | CPU s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, _ in PARTS[part]():
        weeks = [line for line in found if (line["part"], line["method"]) == (part, name)]
        if not weeks:
            continue
        mean = {key: float(np.mean([week[key] for week in weeks])) for key in weeks[0] if key not in ("part", "method")}
        spread = float(np.std([week["average_precision"] for week in weeks], ddof=1)) if len(weeks) > 1 else 0.0
        rows.append(
            f"| {name} | {mean['average_precision']:.3f} ± {spread:.3f} | {mean['auc']:.3f} | "
            f"{mean['precision_at_k']:.3f} | {mean['brier']:.5f} | {mean['seconds']:.0f} |"
        )
    return "\n".join(rows)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("file", help="the transactions, Parquet or CSV")
    words.add_argument("--out", type=Path, default=Path("methods.jsonl"), help="what was measured, a line each")
    words.add_argument("--only", choices=PARTS, help="one part of it")
    words.add_argument("--table", action="store_true", help="measure nothing, print the tables")
    given = words.parse_args()
    parts = [given.only] if given.only else list(PARTS)
    if not given.table:
        recipe = read_recipe(RECIPE)
        measure(parts, table_of(recipe, find_job(recipe.job, RECIPE.parent), given.file), given.out)
    for part in parts:
        print(told(part, lines(given.out)), end="\n\n")


if __name__ == "__main__":
    main()
