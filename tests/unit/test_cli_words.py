"""Words that are nearly right are told the right ones; what is drawn fits where it is drawn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from atipico.cli import status

SERVICES = Path(__file__).parents[2] / "services"
SAMPLE = Path(__file__).parents[2] / "data" / "transactions" / "sample.csv"


@pytest.fixture
def atipico(tmp_path):
    env = {**os.environ, "ATIPICO_RUN": str(tmp_path / "run"), "PYTHONPATH": str(SERVICES), "NO_COLOR": "1"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atipico.cli", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return call


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("statu",), 2, "Did you mean 'status'?"),
        (("score", str(SAMPLE)), 2, "which model?"),
        (("score", str(SAMPLE), "--model", "payments", "--json"), 2, "needs --out"),
        (("score", "no.csv", "--model", "payments"), 2, "does not exist"),
        (("score", str(SAMPLE), "--model", "payments", "--from", "today"), 2, "--from"),
        (("score", str(SAMPLE), "--model", "paymets"), 1, "did you mean 'payments'?"),
        (("score", str(SAMPLE), "--job", "payments", "--model", "payments@1O"), 1, "did you mean 'payments@1'?"),
        (("score", str(SAMPLE), "--model", "payments", "--dataset", "transaction"), 1, "did you mean 'transactions'?"),
        (("generator", "paymets"), 1, "did you mean 'payments'?"),
    ],
)
def test_wrong_words_are_told_what_was_meant(atipico, words, code, told):
    done = atipico(*words)

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_logs_of_nearly_a_part_name_that_part(atipico, tmp_path):
    (tmp_path / "run" / "log").mkdir(parents=True)
    (tmp_path / "run" / "log" / "agent.log").write_text("here\n")

    assert "did you mean 'agent'?" in atipico("logs", "agnt").stderr


def test_a_file_is_scored_to_standard_output_and_told_on_standard_error(atipico):
    done = atipico("score", str(SAMPLE), "--model", "payments")

    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "id,time,score,threshold,anomalous,version,scored,why"
    assert len(done.stdout.splitlines()) == 51
    assert "50 rows" in done.stderr


def test_the_table_of_status_is_whole_in_80_columns(monkeypatch, capsys):
    busy = {"name": "classifier", "state": "starting", "pid": 4194304, "restarts": 12, "url": "http://127.0.0.1:8080"}
    busy |= {"lag_s": 0.999, "lost": 12, "samples_in": 123_456_789, "samples_out": 999_949, "memory_bytes": 2**30 - 1}
    busy |= {"up_s": 17_999.0}
    monkeypatch.setattr("rich.console.Console", lambda **options: Console(**{**options, "width": 80}))

    status._draw([busy])

    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in "".join(lines)
    for word in ("classifier", "starting", "4194304", "123.5M", "999.9k", "999 ms", "300 min", "1024 MiB"):
        assert word in lines[1]
