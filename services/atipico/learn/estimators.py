"""The estimators of a recipe: made, trained, written, read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atipico.errors import Refused, nearest
from atipico.learn import combine
from atipico.learn.ensembles import Ensemble, Member
from atipico.learn.extra import needed
from atipico.learn.kinds import BALANCED, KINDS
from atipico.learn.progress import Training
from atipico.learn.recipe import EstimatorRecipe, Recipe
from atipico.registry.estimator import load_estimator

SKOPS, LIGHTGBM = ".skops", ".lightgbm.txt"


def members_of(recipe: Recipe) -> list[Member]:
    """The recipe's estimators, untrained. Raises Refused for a kind or a parameter that there is not."""
    total = sum(one.share for one in recipe.estimator)
    members = []
    for number, one in enumerate(recipe.estimator, 1):
        for seed in one.seeds:
            name = f"{number}-{one.kind}" + (f"-seed{seed}" if len(one.seeds) > 1 else "")
            members.append(Member(name, one.kind, one.share / total / len(one.seeds), _made(one, seed)))
    return members


def _made(recipe: EstimatorRecipe, seed: int) -> Any:
    if recipe.kind not in KINDS:
        raise Refused(f"no estimator {recipe.kind!r}{nearest(recipe.kind, KINDS)}")
    with needed(f"estimator {recipe.kind}"):
        estimator = KINDS[recipe.kind]()
    known = estimator.get_params()
    taken = known if recipe.kind != "lightgbm" else {**known, **_of_lightgbm()}
    for name in recipe.parameters:
        if name not in taken or name in ("random_state", "verbose"):
            raise Refused(f"estimator {recipe.kind} has no parameter {name!r}{nearest(name, taken)}")
    return estimator.set_params(**recipe.parameters, random_state=seed)


def _of_lightgbm() -> dict[str, Any]:
    """LightGBM's own parameters that its class for scikit-learn passes on without naming them."""
    from lightgbm.basic import _ConfigAliases

    return dict.fromkeys(_ConfigAliases._get_all_param_aliases())


def train(
    members: Sequence[Member], rows: np.ndarray, label: np.ndarray, weight: np.ndarray | None
) -> Iterator[Member]:
    """Train one after the other; rows: float64 (n, k), label: int8 (n,), weight: float64 (n,) or None for all alike.

    Raises Refused when there are not two classes, or what the library says of a parameter.
    """
    anomalies = int((label == 1).sum())
    if not 0 < anomalies < len(label):
        raise Refused(f"{len(label)} rows to train on, {anomalies} of them anomalies; some of each were needed")
    for member in members:
        training = Training()
        try:
            fitted = _fitted(member, rows, label, weight, training)
        except Exception as error:
            if not isinstance(error, ValueError | TypeError) and type(error).__name__ != "LightGBMError":
                raise  # LightGBM's own, which may not be installed, is no ValueError
            raise Refused(f"estimator {member.name}: {' '.join(str(error).split())[:300]}") from error
        training.at(1)
        yield member._replace(estimator=fitted)


def _fitted(member: Member, rows: np.ndarray, label: np.ndarray, weight: np.ndarray | None, training: Training) -> Any:
    if member.kind == "logistic_regression":
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        behind = make_pipeline(StandardScaler(), member.estimator)
        return behind.fit(rows, label, logisticregression__sample_weight=weight)
    if member.kind in BALANCED:
        return member.estimator.fit(rows, label)
    if member.kind == "lightgbm":  # the one that tells how far it is
        rounds = [lambda told: training.at((told.iteration + 1) / told.end_iteration)]
        return member.estimator.fit(rows, label, sample_weight=weight, callbacks=rounds)
    return member.estimator.fit(rows, label, sample_weight=weight)


def write(member: Member, folder: Path) -> Path:
    """Write a trained estimator: LightGBM in its own text format, the others as skops. Returns the file."""
    if member.kind == "lightgbm":
        path = folder / f"{member.name}{LIGHTGBM}"
        path.write_text(member.estimator.booster_.model_to_string(), encoding="utf-8")
        return path
    import skops.io

    path = folder / f"{member.name}{SKOPS}"
    skops.io.dump(member.estimator, path, compression=8, compresslevel=6)  # 8: deflate
    return path


def read(member: Member, folder: Path) -> Member:
    """The member as it was trained. Raises Refused when its file is missing, damaged or holds other types."""
    if member.kind != "lightgbm":
        return member._replace(estimator=load_estimator(folder / f"{member.name}{SKOPS}"))
    import lightgbm

    path = folder / f"{member.name}{LIGHTGBM}"
    try:
        return member._replace(estimator=lightgbm.Booster(model_str=path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise Refused(f"{path} can't be read: {str(error)[:200]}; train again") from error


def read_ensemble(told: Mapping[str, Any], folder: Path) -> Ensemble:
    """What a run tells of its estimators, with these as they were trained. Raises Refused as `read` does."""
    members = [read(Member(**one, estimator=None), folder) for one in told["estimators"]]
    how = told.get("ensemble", {})
    return Ensemble(members, combine.read(how.get("stacking")), combine.read(how.get("calibration")))
