"""docs/learn.md to the letter: its file is the one that is there, its commands make what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cloned import learnt_here
from creditcard import write_creditcard
from docs.pages import blocks, commands
from docs.reader import HOUSE

PAGE = (HOUSE / "docs" / "learn.md").read_text()


def test_the_page_shows_the_very_file_that_payments_are_learnt_by():
    shown = next(block for block in blocks(PAGE) if block.kind == "toml")

    assert shown.path == "data/payments/learn.toml"
    assert shown.text == (HOUSE / shown.path).read_text()


@pytest.mark.timeout(300)
def test_the_commands_of_the_page_leave_a_run_and_a_model(tmp_path):
    for name in ("jobs", "data", "models"):
        shutil.copytree(HOUSE / name, tmp_path / name, ignore=learnt_here)
    write_creditcard(tmp_path / "data/creditcard/creditcard.csv", rows=2500)
    nobody = "http://127.0.0.1:9"  # as the file is there, nobody is asked for it
    there = os.environ | {"ATIPICO_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "ATIPICO_OPENML": nobody}

    told = []
    for command in commands(PAGE):
        words = command.replace(".venv/bin/", f"{HOUSE}/.venv/bin/").split()
        done = subprocess.run(words, cwd=tmp_path, env=there, capture_output=True, text=True, check=True, timeout=250)
        told.append(done.stdout.splitlines()[-1])

    assert told == ["registered payments@2", "registered creditcard@1"]
    (run,) = (tmp_path / "runs" / "payments").glob("2*")
    held = {path.name for path in run.iterdir()}
    assert all(f"`{name}" in PAGE for name in held)
    assert (tmp_path / "models" / "payments" / "2" / "model.onnx").is_file()
    judged = json.loads((run / "run.json").read_text())["metrics"]["average"]
    assert judged["by_kind"]["1"]["auc"] > 0.98  # amounts far out
    assert judged["by_kind"]["3"]["auc"] > 0.95  # stolen cards
    assert judged["average_precision"] > 0.5  # what is left are terminals, which show in labels alone


@pytest.mark.timeout(200)
def test_data_of_ones_own_become_a_champion_as_the_page_says(tmp_path):
    for name in ("jobs", "data", "models"):
        (tmp_path / name).mkdir()
    write_ovens(tmp_path / "ovens.csv")
    there = os.environ | {"ATIPICO_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    own = PAGE[PAGE.index("## Your own data") : PAGE.index("## The well-known data")]

    for block in blocks(own):
        if block.kind == "toml":
            (tmp_path / block.path).write_text(block.text)
            continue
        for command in block.text.splitlines():
            if command.startswith(".venv/bin/"):  # what ./up.sh does then stands on other pages
                words = command.replace(".venv/bin/", f"{HOUSE}/.venv/bin/").split()
                subprocess.run(words, cwd=tmp_path, env=there, check=True, timeout=150)

    (run,) = (tmp_path / "runs" / "ovens").glob("2*")
    assert (tmp_path / "models" / "ovens" / "1" / "model.onnx").is_file()
    assert json.loads((run / "run.json").read_text())["metrics"]["average"]["auc"] > 0.9


def write_ovens(file: Path) -> None:
    """Three ovens of 24 days, a row each half hour; each is hot for an hour and a half in two days."""
    rng, lines = np.random.default_rng(5), []
    for at in range(24 * 48):
        for oven in "ABC":
            hot = (at + 17 * ord(oven)) % 96 < 3
            heat, current = rng.normal(190 if hot else 180, 2), rng.normal(11 if hot else 12, 0.4)
            time = datetime(2026, 3, 1) + timedelta(minutes=30 * at)
            lines.append(f"{time:%Y-%m-%d %H:%M:%S},{oven},{heat:.2f},{current:.3f},{int(hot)}")
    file.write_text("\n".join(["read_at,oven,celsius,ampere,fault", *lines]) + "\n")
