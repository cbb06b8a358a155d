"""`atipico data make`: a simulated world as a file, which `atipico score` and the generator take as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from atipico.cli.data import app
from atipico.config import home, load
from atipico.engines.choose import find_job, find_model
from atipico.engines.embedded.up import like_payments
from atipico.engines.replay import replay
from atipico.engines.results import Results
from atipico.errors import NotYet, Refused
from atipico.generator.settings import GeneratorSettings
from atipico.sources import payments_file
from atipico.sources.dataset import pick_dataset
from atipico.sources.file import File
from atipico.sources.payments import Payments, simulate
from atipico.sources.payments_file import make_file

SAMPLE = home() / "data" / "payments" / "sample.csv"
SMALL = {"seed": 466, "customers": 8, "terminals": 5}  # some of each fraud within a week


def table(file: Path) -> dict[str, np.ndarray]:
    return duckdb.connect().execute("SELECT * FROM '" + str(file) + "'").fetchnumpy()


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_file_holds_what_the_simulation_knows(tmp_path, name):
    known = simulate(30, customers=40)

    made = make_file(tmp_path / name, 30, customers=40)
    found = table(tmp_path / name)

    assert list(found) == ["transaction_id", "time", "customer", "terminal", "amount", "fraud", "scenario"]
    assert np.array_equal(found.pop("time").astype("datetime64[ns]").astype(np.int64), known["event_time"])
    assert all(np.array_equal(column, known[column_name]) for column_name, column in found.items())
    assert made.rows == len(known["fraud"])
    assert list(made.frauds.values()) == [int((known["scenario"] == kind).sum()) for kind in (1, 2, 3)]
    assert sum(made.frauds.values()) == known["fraud"].sum() > 0


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path, name):
    contents = []
    for seed in (1, 1, 2):
        make_file(tmp_path / name, 3, seed=seed, customers=40)
        contents.append((tmp_path / name).read_bytes())

    assert contents[0] == contents[1] != contents[2]


def test_the_blocks_that_days_are_written_in_do_not_show(tmp_path, monkeypatch):
    make_file(tmp_path / "whole.parquet", 20, customers=40)
    monkeypatch.setattr(payments_file, "_TOGETHER", 250)
    make_file(tmp_path / "pieces.parquet", 20, customers=40)

    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "pieces.parquet").read_bytes()


def test_days_from_a_date_on_are_those_of_the_whole_world(tmp_path):
    shown = CliRunner().invoke(
        app,
        ["make", "payments", "--days", "3", "--customers", "40", "--from", "2026-01-11", "--out", f"{tmp_path}/p.csv"],
    )

    assert shown.exit_code == 0, shown.output
    assert table(tmp_path / "p.csv")["transaction_id"].tolist() == (
        simulate(3, customers=40, first_day=10)["transaction_id"].tolist()
    )


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_file_streams_the_very_samples_and_labels_of_the_live_source(tmp_path, name):
    make_file(tmp_path / name, 12, **SMALL)
    live = Payments(**SMALL, days=12).read({}, 10_000)

    recorded = File(str(tmp_path / name)).read({}, 10_000)

    assert recorded.rows == live.rows
    assert recorded.labels == live.labels
    assert any(label.label for label in recorded.labels)


def test_a_file_is_scored_by_the_tracked_model_without_being_told_its_dataset(tmp_path):
    make_file(tmp_path / "p.parquet", 30, customers=60)
    truth = table(tmp_path / "p.parquet")

    with Results(tmp_path / "scores.parquet") as results:
        source = File(str(tmp_path / "p.parquet"))
        done, _ = replay(source, find_job("payments", None), find_model("payments"), [results])
    scores = table(tmp_path / "scores.parquet")

    assert (done.rows, done.unscored) == (len(truth["fraud"]), 0)
    assert scores["id"].tolist() == truth["transaction_id"].tolist()
    far_out = truth["scenario"] == 1
    assert far_out.any()
    assert np.asarray(scores["anomalous"])[far_out].mean() > 0.9
    assert np.asarray(scores["anomalous"])[truth["scenario"] == 0].mean() < 0.02


def test_a_file_that_is_streamed_gets_the_payments_job_on_a_measurement_that_the_live_stream_does_not_write():
    measurement = like_payments(SAMPLE)

    assert measurement == File(str(SAMPLE)).measurement
    assert measurement not in load(GeneratorSettings).streams


def test_no_field_of_the_dataset_tells_the_truth_or_the_scenario():
    dataset = pick_dataset(SAMPLE)

    assert dataset.label is not None
    assert not {"fraud", "scenario"} & set(dataset.fields.values())


def test_the_tracked_sample_is_what_its_command_makes_and_has_each_kind_of_fraud(tmp_path):
    make_file(tmp_path / "sample.csv", 7, **SMALL)

    assert (tmp_path / "sample.csv").read_bytes() == SAMPLE.read_bytes()
    assert set(table(SAMPLE)["scenario"].tolist()) == {0, 1, 2, 3}


def test_what_fails_on_the_way_leaves_the_old_file_and_no_draft(tmp_path):
    out = tmp_path / "p.parquet"
    out.write_text("the old one")

    def step(days: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_file(out, 2, customers=10, step=step)

    assert out.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


@pytest.mark.parametrize(
    ("name", "days", "told"),
    [
        ("p.xlsx", 1, r"what kind of file\? its name must end with \.parquet or \.csv"),
        ("missing/p.csv", 1, "can't be written: No such file or directory"),
        ("p.csv", 0, "0 days from day 0; 1 or more"),
    ],
)
def test_a_file_that_can_t_be_made_is_refused_with_the_reason(tmp_path, name, days, told):
    with pytest.raises(Refused, match=told):
        make_file(tmp_path / name, days, customers=10)

    assert not list(tmp_path.iterdir())


def test_rows_for_which_there_is_no_room_may_find_it_later(tmp_path, monkeypatch):
    monkeypatch.setattr(payments_file, "_MEMORY", "1MB")  # too little to hold a block, as where nothing can be put

    with pytest.raises(NotYet, match="can't be written"):
        make_file(tmp_path / "p.csv", 100, customers=400)

    assert not list(tmp_path.iterdir())


@pytest.fixture
def atipico(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "services"), "NO_COLOR": "1"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atipico.cli", *words]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    return call


def test_the_command_writes_into_the_folder_where_it_is_typed_and_says_what(atipico, tmp_path):
    done = atipico("data", "make", "payments", "--days", "20", "--customers", "40")

    assert done.returncode == 0, done.stderr
    known = simulate(20, customers=40)
    assert done.stdout.startswith(f"{len(known['fraud'])} rows, {known['fraud'].sum()} frauds (amount ")
    assert "rows/s of one core  payments.parquet" in done.stdout
    assert len(table(tmp_path / "payments.parquet")["fraud"]) == len(known["fraud"])


def test_a_program_gets_the_numbers(tmp_path):
    words = ["make", "payments", "--days", "2", "--customers", "40", "--out", f"{tmp_path}/p.csv", "--json"]

    told = json.loads(CliRunner().invoke(app, words).stdout)

    assert set(told) == {"rows", "frauds", "cpu_seconds", "out"}
    assert set(told["frauds"]) == {"amount", "terminal", "card"}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("paymets",), 1, "did you mean 'payments'?"),
        (("payments", "--days", "0"), 2, "--days"),
        (("payments", "--from", "yesterday"), 2, "--from"),
        (("payments", "--from", "2025-12-31"), 1, "from day -1; 1 or more from day 0 (2026-01-01)"),
        (("payments", "--out", "p.txt"), 1, "what kind of file?"),
    ],
)
def test_wrong_words_are_told_what_was_needed(atipico, words, code, told):
    done = atipico("data", "make", *words)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
