"""The command line: what it knows, how it fails, and that it starts without what it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from atipico import __version__
from atipico.cli.main import app

SERVICES = Path(__file__).parents[2] / "services"
HEAVY = ("numpy", "pydantic", "duckdb", "flask", "onnxruntime", "influxdb_client", "psutil", "orjson")


@pytest.fixture
def atipico(tmp_path):
    """Run the command in a run folder of its own."""
    env = {**os.environ, "ATIPICO_RUN": str(tmp_path / "run"), "PYTHONPATH": str(SERVICES), "NO_COLOR": "1"}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "atipico.cli", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return call


def test_help_names_every_command_a_person_types(atipico):
    done = atipico("--help")

    assert done.returncode == 0
    for word in ("up", "down", "status", "logs", "store", "classifier", "agent", "host", "generator", "page"):
        assert f"\n  {word} " in done.stdout
    assert "supervisor" not in done.stdout


@pytest.mark.parametrize(
    "words", [("upp",), ("up", "--rate", "fast"), ("store", "--port", "0"), ("up", "--data", "no")]
)
def test_wrong_words_end_with_exit_code_2(atipico, words):
    done = atipico(*words)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_an_error_is_one_sentence_on_standard_error(atipico):
    done = atipico("logs", "nobody")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "no log of 'nobody'" in done.stderr


def test_status_has_a_row_for_every_part_also_when_nothing_runs(atipico):
    parts = json.loads(atipico("status", "--json").stdout)["parts"]

    assert [row["name"] for row in parts] == ["supervisor", "store", "classifier", "agent", "host", "generator", "page"]
    assert {row["state"] for row in parts} == {"stopped"}
    assert {row["pid"] for row in parts} == {None}


def test_no_list_of_commands_cuts_one_off_in_80_columns():
    """What stands beside each name is the first sentence of its help, whole."""

    def groups(command: Any) -> Iterator[Any]:
        if commands := getattr(command, "commands", {}):
            yield commands
        for below in commands.values():
            yield from groups(below)

    cut = [
        name
        for commands in groups(get_command(app))
        for name, command in commands.items()
        if not command.hidden and len(command.get_short_help_str(1000)) > 80 - len("    ") - max(map(len, commands))
    ]

    assert not cut


def test_the_version_is_told(atipico):
    done = atipico("--version")

    assert (done.returncode, done.stdout) == (0, f"atipico {__version__}\n")


def test_the_table_of_status_can_be_read_without_colours(atipico):
    done = atipico("status")

    assert done.returncode == 0
    assert "\x1b[" not in done.stdout
    assert "classifier" in done.stdout


def test_logs_shows_the_last_lines_of_every_part(atipico, tmp_path):
    logs = tmp_path / "run" / "log"
    logs.mkdir(parents=True)
    (logs / "store.log").write_text("one\ntwo\nthree\n")
    (logs / "agent.log").write_text("four\n")

    assert atipico("logs", "-n", "2").stdout == "agent  four\nstore  two\nstore  three\n"
    assert atipico("logs", "store", "-n", "1").stdout == "three\n"


def test_the_command_line_is_ready_without_the_packages_that_only_parts_need():
    asked = f"import sys, atipico.cli.main; print([name for name in {HEAVY!r} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, "PYTHONPATH": str(SERVICES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == "[]\n"
