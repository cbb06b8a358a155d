"""What bench/methods.py compares can be learnt, and its table says what was measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atipico.learn.estimators import members_of
from atipico.learn.recipe import changed, read_recipe
from atipico.learn.space import lowest, with_values

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import methods


@pytest.mark.parametrize("part", methods.PARTS)
def test_every_method_is_a_recipe_of_estimators_that_there_are(part):
    names = []
    for name, method in methods.PARTS[part]():
        recipe = changed(
            read_recipe(methods.RECIPE), **{**method, "train": {**methods.SAME, **method.get("train", {})}}
        )
        space = {f"1-{one.kind}.{key}": of for one in recipe.estimator for key, of in one.search.items()}
        assert members_of(with_values(recipe, lowest(space)))
        names.append(name)

    assert len(names) == len(set(names)) > 3


def test_the_table_has_the_mean_of_the_weeks_and_their_spread(tmp_path):
    same = {"part": "tuning", "method": "by hand (learn.toml)", "auc": 0.9, "precision_at_k": 0.3}
    weeks = [{**same, "week": at, "average_precision": 0.7 + at / 10, "brier": 0.002, "seconds": 2} for at in range(3)]

    table = methods.told("tuning", weeks).splitlines()

    assert table[2:] == ["| by hand (learn.toml) | 0.800 ± 0.100 | 0.900 | 0.300 | 0.00200 | 2 |"]
