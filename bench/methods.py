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

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy is there

import numpy as np  # noqa: E402

from atipico.config import home  # noqa: E402
from atipico.learn.estimators import members_of  # noqa: E402
from atipico.learn.fit import fit  # noqa: E402
from atipico.learn.judge import judge  # noqa: E402
from atipico.learn.recipe import Recipe, read_recipe  # noqa: E402
from atipico.learn.split import split  # noqa: E402
from atipico.learn.stages import find_job  # noqa: E402
from atipico.learn.table import Table, table_of  # noqa: E402

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


PARTS = {"imbalance": imbalance, "ensembles": ensembles}


def recipe_of(method: Method) -> Recipe:
    told = read_recipe(RECIPE).model_dump(mode="json", by_alias=True)
    return Recipe.model_validate(
        told | {"estimator": method["estimator"], "train": {**told["train"], **SAME, **method.get("train", {})}}
    )


def measured(recipe: Recipe, table: Table, week: int) -> dict[str, float]:
    """The figures of one week, so many before the last."""
    made, begun = split(recipe, table, week * recipe.test.days), process_time()
    ensemble = fit(recipe, table, made, members_of(recipe), lambda line: None).ensemble
    seconds = process_time() - begun
    found = judge(recipe, table, made, ensemble, 0.5)
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
                line = {"part": part, "method": name, "week": week, **measured(recipe_of(method), table, week)}
                with out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(line, flush=True)


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def told(part: str, found: list[dict[str, Any]]) -> str:
    """A Markdown table of a part: means over the weeks that are there, and the standard deviation."""
    rows = [
        f"| {part} | average precision | AUC | card precision@100 | Brier | CPU s to train |",
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
