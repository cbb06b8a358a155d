"""What each stage reads, by hash: its data, its part of the recipe, what the stage before made, its code."""

from __future__ import annotations

import os
from pathlib import Path

from atipico.learn.receipts import Reads, code_of, hash_of
from atipico.learn.recipe import Recipe
from atipico.learn.run import Run, versions
from atipico.registry.jobs import Job
from atipico.registry.manifest import digest_of
from atipico.sources.file import dataset_of


def of_data(file: str, sha256: str, dataset: str | None) -> Reads:
    return {"data": sha256, "dataset": hash_of(dataset_of(file, dataset).model_dump(mode="json"))}


def of_validate(suite: Path, data: Reads) -> Reads:
    return {**data, "suite": digest_of(suite), "code": code_of("atipico.learn.batch", "atipico.learn.data_page")}


def of_features(recipe: Recipe, job: Job, data: Reads) -> Reads:
    asked = (recipe.period, recipe.leave_out, recipe.label_delay, recipe.test.key, recipe.train.drop_known)
    made = repr((job.features, job.clock, job.labels))
    return {**data, "job": hash_of(made), "recipe": hash_of(asked), "code": code_of("atipico.learn.table")}


def of_train(recipe: Recipe, features: str) -> Reads:
    """Where no last training day is named, the days to judge on say which it is."""
    told = recipe.model_dump(mode="json", by_alias=True)
    return {
        "features": features,
        **{part: hash_of(told[part]) for part in ("train", "estimator", "threshold")},
        "test": hash_of(recipe.test.span),
        "libraries": hash_of(versions()),
        "code": code_of("atipico.learn.training"),
    }


def of_evaluate(recipe: Recipe, features: str, run: Run) -> Reads:
    return {
        "features": features,
        "run": hash_of(run.receipt("train") or run.id),
        "test": hash_of(recipe.test.model_dump(mode="json")),
        "code": code_of("atipico.learn.judging"),
    }


def of_register(models: Path, run: Run) -> Reads:
    there = os.path.relpath(models, run.folder)
    return {"run": hash_of(run.figures()), "models": there, "code": code_of("atipico.learn.learnt")}
