"""`atipico model`: what is there, and how it is made again."""

from __future__ import annotations

import json
import shutil

from typer.testing import CliRunner

from atipico.cli.model import app
from atipico.config import home
from atipico.registry.shelf import versions


def test_every_version_is_listed_the_tracked_ones_too():
    shown = CliRunner().invoke(app, ["list", "--json"])

    listed = [model["id"] for model in json.loads(shown.stdout)["models"]]
    assert shown.exit_code == 0
    assert sorted(listed) == sorted(f"{path.parent.name}@{path.name}" for path in versions(home() / "models"))
    assert {"machine@1", "payments@1"} <= set(listed)


def test_a_damaged_model_is_listed_with_its_reason(tmp_path):
    models = shutil.copytree(home() / "models", tmp_path / "models")
    (models / "machine" / "1" / "golden.json").unlink()

    shown = CliRunner().invoke(app, ["list", "--models", str(models)])

    assert shown.exit_code == 0
    assert "payments@1" in shown.stdout
    assert "machine@1            refused: model machine@1" in shown.stdout
    assert "golden.json is missing" in shown.stdout


def test_making_a_model_that_is_none_of_ours_is_refused(tmp_path):
    shown = CliRunner().invoke(app, ["make", "paymnts", "--out", str(tmp_path)])

    assert shown.exit_code == 1
    assert "did you mean 'payments'" in str(shown.exception)
