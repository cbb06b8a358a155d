"""Runs beside each other, and told to MLflow: the same as their folders hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from atipico.cli.learn import app
from atipico.errors import Refused
from atipico.learn.compare import compare, find
from atipico.learn.places import Track
from atipico.learn.run import Run
from atipico.learn.told import flat

RECIPE = {
    "name": "small",
    "estimator": [{"kind": "lightgbm", "num_leaves": 7}],
    "train": {"from": None, "warm_up": "2d"},
    "leave_out": [],
}


def kept(runs: Path, model: str = "small", leaves: int = 7, data: str = "a" * 64, auc: float = 0.9) -> Run:
    """A run's folder, as the stages leave it."""
    run = Run.new(runs, model)
    run.told |= {
        "recipe": {**RECIPE, "period": "1d", "estimator": [{"kind": "lightgbm", "num_leaves": leaves}]},
        "data": {"file": "payments.csv", "bytes": 9, "sha256": data},
        "features": {"shape": "s", "columns": ["amount"]},
        "trained": {"span": "2026-01-01 .. 2026-01-09", "rows": 10, "anomalies": 1},
        "threshold": {"value": 0.5, "from": "x"},
        "metrics": {
            "average": {
                "auc": np.float64(auc),
                "recall": None,
                "spread": {"auc": 0.1},
                "by_period": {"auc": [0.9]},
                "by_kind": {},
            },
            "by_estimator": {},
        },
    }
    (run.folder / "scores.png").write_bytes(b"\x89PNG")
    run.save()
    return run


def test_what_differs_between_two_runs_is_told_and_what_is_the_same(tmp_path):
    one, other = kept(tmp_path), kept(tmp_path, leaves=15, data="b" * 64, auc=0.95)

    found = compare(one, other)

    assert found.settings == {"estimator.0.num_leaves": ("7", "15")}
    assert found.metrics["average.auc"] == (0.9, 0.95)
    assert (found.same["data"], found.same["features"], found.same["training span"]) == (False, True, True)
    assert "average.by_period.auc.0" not in found.metrics


def test_the_command_shows_both_and_the_difference_for_people_and_for_programs(tmp_path):
    one, other = kept(tmp_path), kept(tmp_path, leaves=15, auc=0.95)

    shown = CliRunner().invoke(app, ["compare", one.id, f"small/{other.id}", "--runs", str(tmp_path)])
    told = CliRunner().invoke(app, ["compare", str(one.folder), other.id, "--runs", str(tmp_path), "--json"])

    [auc] = [line.split() for line in shown.stdout.splitlines() if "average.auc" in line]
    assert auc[-3:] == ["0.9", "0.95", "+0.05"]
    assert "same data" in shown.stdout
    assert json.loads(told.stdout)["settings"] == {"estimator.0.num_leaves": ["7", "15"]}


def test_no_name_is_cut_off_on_a_narrow_terminal(tmp_path):
    one, other = kept(tmp_path), kept(tmp_path, leaves=15)

    shown = CliRunner().invoke(app, ["compare", one.id, other.id, "--runs", str(tmp_path)], env={"COLUMNS": "50"})

    assert "average.spread.auc" in shown.stdout
    assert "…" not in shown.stdout


def test_a_run_that_is_not_there_or_not_the_only_one_is_told(tmp_path):
    one = kept(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "small" / one.id).rename(tmp_path / "other" / one.id)
    (tmp_path / "small" / one.id).mkdir()
    (tmp_path / "small" / one.id / "run.json").write_text("{}")

    with pytest.raises(Refused, match=f"is one of several models: other/{one.id}, small/{one.id}"):
        find(tmp_path, one.id)
    with pytest.raises(Refused, match="no run '2019' in"):
        find(tmp_path, "2019")
    assert find(tmp_path, f"other/{one.id}").told["model"] == "small"


def test_leaves_have_their_path():
    assert dict(flat({"a": {"b": [1, {"c": 2}]}, "d": None})) == {"a.b.0": 1, "a.b.1.c": 2, "d": None}


def test_mlflow_holds_what_the_folder_holds_told_stage_by_stage(tmp_path):
    """given a run that is told after its training, and again when it was registered"""
    pytest.importorskip("mlflow", reason="needs the extra tracking")
    from mlflow.tracking import MlflowClient

    from atipico.learn.track import tell

    run = kept(tmp_path / "runs")
    tell(run, Track(), tmp_path / "runs")
    run.told["registered"] = "small@1"
    tell(run, Track(), tmp_path / "runs")

    client = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db")
    [told] = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert told.data.params["estimator.0.num_leaves"] == "7"
    assert told.data.metrics == {"threshold": 0.5, "average.auc": 0.9, "average.spread.auc": 0.1}
    assert (told.data.tags["data.sha256"], told.data.tags["registered"]) == ("a" * 64, "small@1")
    assert told.data.tags["commit"] == (run.told["commit"] or "none")
    assert {one.path for one in client.list_artifacts(told.info.run_id)} == {"run.json", "scores.png"}
    assert told.info.status == "FINISHED"


def test_nothing_loads_mlflow_unless_it_is_asked_for():
    seen = "import sys, atipico.learn.track, atipico.learn.compare, atipico.cli.learn; print('mlflow' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)

    assert told.stdout == "False\n"
