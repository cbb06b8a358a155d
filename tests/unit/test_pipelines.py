"""The two files that run all checks elsewhere: they do the same, and call only what there is."""

from __future__ import annotations

import os
import re
import shlex
from itertools import pairwise

import pytest
import yaml
from typer.main import get_command

from atipico.cli.main import app
from compose.files import HOUSE, stages


def jenkins() -> list[str]:
    text = (HOUSE / "Jenkinsfile").read_text()
    assert text.count("{") == text.count("}")
    return re.findall(r"\bsh '([^']*)'", text)


def github() -> list[str]:
    steps = yaml.safe_load((HOUSE / ".github" / "workflows" / "check.yml").read_text())["jobs"]["check"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def lacking(command: str) -> list[str]:
    """What of a command there is not."""
    program, *words = shlex.split(command)
    if program == "docker":
        return _docker(words)
    if program == ".venv/bin/atipico":
        return _atipico(words)
    made = [] if os.access(HOUSE / program, os.X_OK) else [program]
    return made + [word for word in words if not (HOUSE / word).exists()]


def _docker(words: list[str]) -> list[str]:
    given = dict(pairwise(words))
    if words[0] == "build":
        found = [] if given["--target"] in stages() else [given["--target"]]
        return found + [given["-f"]] * (not (HOUSE / given["-f"]).is_file())
    built = {shlex.split(one)[-2] for one in jenkins() if one.startswith("docker build")}
    return [] if words[0] == "run" and words[-2] in built else words


def _atipico(words: list[str]) -> list[str]:
    command, words = get_command(app), list(words)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    options = {name for one in command.params for name in one.opts}
    wrong = [word for word in words if word.startswith("-") and word not in options]
    return wrong + [word for word in words if "/" in word and not (HOUSE / word).exists()]


def test_both_do_the_same_in_the_same_order():
    assert jenkins() == github()
    assert len(jenkins()) == 7


@pytest.mark.parametrize("command", jenkins())
def test_every_command_is_there_with_its_options_and_files(command):
    assert lacking(command) == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (".ci/runs", ".ci/runs"),
        ("./setup.sh requirements-none.txt", "requirements-none.txt"),
        (".venv/bin/atipico replay data/none.csv", "data/none.csv"),
        (".venv/bin/atipico replay --expects data", "--expects"),
        ("docker build -f compose/python.Dockerfile --target other -t a .", "other"),
    ],
)
def test_the_control_what_is_not_there_is_found(command, wrong):
    assert lacking(command) == [wrong]
