"""A container as SageMaker runs it: as a process, in a folder laid out like /opt/ml."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import requests

from atipico.engines.sagemaker.folders import Folders
from atipico.engines.sagemaker.recipe import chosen
from atipico.errors import Refused
from atipico.learn.recipe import read_recipe
from atipico.learn.register import register
from atipico.registry.models import load
from atipico.sources.payments_file import make_file
from atipico.wire.feature_csv import read_rows
from learning import JOB
from running_store import free_port
from trained import small
from waiting import until

RECIPE = """
name = "small"
job = "small.toml"
dataset = "payments"
[train]
to = 2026-01-20
[[estimator]]
kind = "logistic_regression"
[threshold]
alerts_per_day = 3
[test]
k = 10
"""


class Container:
    """Words typed as `docker run IMAGE ...` does, on a folder in place of /opt/ml."""

    def __init__(self, root: Path) -> None:
        self.root, self.port = root, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "atipico.cli", "sagemaker", *map(str, words), "--root", str(self.root)]

    def train(self) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "OMP_NUM_THREADS": "1"}  # as the image has it
        return subprocess.run(self.command("train"), env=env, capture_output=True, text=True, timeout=100, check=False)

    def serve(self) -> None:
        self.start()
        until(lambda: self.status() == 200)

    def start(self) -> None:
        command = self.command("serve", "--host", "127.0.0.1", "--port", self.port)
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def status(self) -> int:
        """What /ping answers; 0 while nobody does."""
        try:
            return requests.get(f"{self.url}/ping", timeout=2).status_code
        except requests.RequestException:
            return 0

    def invoke(self, body: str, kind: str, **headers: str) -> requests.Response:
        headers = {"Content-Type": kind, **headers}
        return requests.post(f"{self.url}/invocations", body.encode(), headers=headers, timeout=10)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(20)


@pytest.fixture
def container(tmp_path):
    container = Container(tmp_path / "ml")
    yield container
    container.stop()


def lay_out(root: Path, recipe: str = RECIPE, **hyperparameters: str) -> Path:
    """The folders of a training; where its recording belongs."""
    config, given = root / "input" / "data" / "config", root / "input" / "config"
    for folder in (config, given, root / "input" / "data" / "training"):
        folder.mkdir(parents=True)
    (config / "learn.toml").write_text(recipe)
    (config / "small.toml").write_text(JOB)
    (given / "hyperparameters.json").write_text(json.dumps(hyperparameters))
    return root / "input" / "data" / "training" / "payments.parquet"


def test_what_train_leaves_in_the_model_folder_is_what_serve_answers_with(container):
    recording = lay_out(container.root, **{"threshold.alerts_per_day": "2", "sagemaker_region": "x"})
    make_file(recording, days=35, customers=40, terminals=20)

    done = container.train()
    assert done.returncode == 0, done.stderr
    container.serve()
    told = container.invoke(
        '{"rows": [{"amount": 9.5, "ratio": 1.0}, {"amount": 2e4, "ratio": 90}]}', "application/json"
    )

    model = load(container.root / "model" / "small" / "1")
    expected = model.score(np.array([[9.5, 1.0], [2e4, 90.0]]))
    assert told.json() == {
        "scores": expected.tolist(),
        "anomalous": (expected >= model.threshold).tolist(),
        "threshold": model.threshold,
        "version": "small@1",
    }
    assert read_recipe(container.root / "model" / "learn.toml").threshold.alerts_per_day == 2
    assert list((container.root / "output" / "data" / "runs").rglob("run.json"))


def test_a_training_that_fails_says_why_where_sagemaker_looks(container):
    lay_out(container.root)

    done = container.train()

    assert done.returncode == 1
    failure = (container.root / "output" / "failure").read_text()
    assert "one .csv or .parquet was needed, found none" in failure
    assert failure.strip() in done.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    container = Container(tmp_path_factory.mktemp("served"))
    register(small(), container.root / "model")
    container.serve()
    yield container
    container.stop()


def test_csv_and_json_with_and_without_a_header_get_the_same_scores(served):
    rows = '{"rows": [{"amount": 3, "speed": 1, "heat": 0.5}, {"amount": 0.5, "speed": 2, "heat": 1}]}'

    as_json = served.invoke(rows, "application/json").json()["scores"]
    bare = served.invoke("3,1,0.5\n0.5,2,1\n", "text/csv", Accept="text/csv")
    named = served.invoke("heat,amount,speed\n0.5,3,1\n1,0.5,2\n", "text/csv; charset=utf-8").json()["scores"]

    assert named == as_json
    assert [float(line.split(",")[0]) for line in bare.text.splitlines()] == as_json
    assert [line.split(",")[1] for line in bare.text.splitlines()] == ["1", "0"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        ("1,2\n", "text/csv", 400, "line 1: 2 values, the model takes 3: amount, speed, heat"),
        ("1,2,3\n1,x,3\n", "text/csv", 400, "line 2, value 2: 'x' is no number"),
        ("1,2,nan\n", "text/csv", 400, "no number"),
        ("1,2,1e39\n", "text/csv", 400, "no number"),
        ("amount,speed,speed\n1,2,3\n", "text/csv", 400, "needed are amount, speed, heat"),
        ("{}", "application/json", 400, "rows"),
        ("<a/>", "text/xml", 415, "application/json or text/csv"),
    ],
)
def test_what_can_not_be_scored_is_refused_with_the_place(served, body, kind, status, said):
    answer = served.invoke(body, kind)

    assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text


def test_without_a_model_ping_is_not_well(container):
    (container.root / "model").mkdir(parents=True)
    container.start()

    assert until(container.status) == 503


def test_hyperparameters_are_put_into_the_recipe_by_their_place(tmp_path):
    given = {"estimator.0.C": "0.5", "train.window": "30d", "test.span": "5d", "train.to": "2026-01-19"}
    lay_out(tmp_path, **given)
    (tmp_path / "learn.toml").write_text(chosen(Folders(tmp_path)))

    recipe = read_recipe(tmp_path / "learn.toml")

    assert recipe.estimator[0].parameters == {"C": 0.5}
    assert (recipe.train.window, recipe.test.span, str(recipe.train.to)) == ("30d", "5d", "2026-01-19")
    assert Path(recipe.job).is_absolute()


@pytest.mark.parametrize("name", ["estimator.7.C", "name.x", "estimator.one.C"])
def test_a_hyperparameter_without_a_place_is_refused_by_name(tmp_path, name):
    lay_out(tmp_path, **{name: "1"})

    with pytest.raises(Refused, match=f"hyperparameter {name}: the recipe has no such place"):
        chosen(Folders(tmp_path))


def test_the_image_has_every_package_that_learning_needs():
    house = Path(__file__).parents[2]
    needed = tomllib.loads((house / "pyproject.toml").read_text())["project"]["optional-dependencies"]["learn"]
    pinned = re.findall(r"(?m)^([\w.-]+)==", (house / "requirements-learn.txt").read_text())

    assert {re.match(r"[\w.-]+", one)[0].lower() for one in needed} <= {one.lower() for one in pinned}


def test_a_csv_is_read_in_the_order_of_the_columns():
    assert read_rows(b'b,"a"\r\n1,2\r\n\r\n3,4', ("a", "b")).tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert read_rows(b"", ("a", "b")).shape == (0, 2)
