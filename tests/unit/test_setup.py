"""setup.sh where there is no Python to set up with: one sentence with the cure, exit 1, no .venv."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path):
    for name in ("setup.sh", "up.sh", "down.sh", "requirements.txt", "pyproject.toml"):
        shutil.copy(HOUSE / name, tmp_path / name)
    return tmp_path


def python_that(clone: Path, *lines: str) -> str:
    """A Python that behaves otherwise: shell lines that see its words as $2, and then the real one."""
    path = clone / "python3"
    path.write_text("\n".join(["#!/bin/sh", *lines, f'exec {sys.executable} "$@"', ""]))
    path.chmod(0o755)
    return str(path)


def up(clone: Path, python: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": "/usr/bin:/bin", "PYTHON": python, "HOME": str(clone)}
    return subprocess.run([clone / "up.sh"], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_a_too_old_python_is_told_with_its_version_and_the_cure(clone):
    old = python_that(clone, 'case "$2" in *version_info\\[*) echo 3.9.2; exit ;; *"(3, 11)"*) exit 1 ;; esac')

    done = up(clone, old)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Python 3.11 or newer is needed, {old} is 3.9.2; install one")
    assert not (clone / ".venv").exists()


def test_no_python_at_all_is_told_with_the_cure(clone):
    done = up(clone, str(clone / "nowhere"))

    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 or newer is needed; install one")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(
    shutil.which("uv", path="/usr/bin:/bin") is not None, reason="uv makes a .venv without Python's help"
)
def test_a_python_without_venv_is_told_with_the_cure(clone):
    bare = python_that(clone, 'case "$2" in *ensurepip*) exit 1 ;; esac')

    done = up(clone, bare)

    assert done.returncode == 1
    assert (
        done.stderr
        == f"{bare} has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run this again\n"
    )
    assert not (clone / ".venv").exists()


def test_down_in_a_fresh_clone_says_that_nothing_was_running(clone):
    done = subprocess.run([clone / "down.sh"], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing was running" in done.stdout


def test_the_labs_packages_are_installed_only_when_the_lab_is_asked_for(clone):
    (clone / "setup.sh").write_text('#!/bin/sh\necho "sets up $1"\n')
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "atipico").write_text('#!/bin/sh\necho "atipico $*"\n')
    (clone / ".venv" / "bin" / "atipico").chmod(0o755)

    told = [
        subprocess.run([clone / "up.sh", *words], capture_output=True, text=True, timeout=60, check=True).stdout
        for words in (["--rate", "5"], ["--rate", "5", "--lab"])
    ]

    assert told == [
        "sets up requirements.txt\natipico up --rate 5\n",
        "sets up requirements.txt\nsets up requirements-lab.txt\natipico up --rate 5 --lab\n",
    ]


def test_all_requirements_pin_the_same_versions():
    pins = [(HOUSE / name).read_text().splitlines() for name in ("requirements.txt", "requirements-lab.txt")]
    every = set((HOUSE / "requirements-dev.txt").read_text().splitlines())

    assert all(set(lines) <= every for lines in pins)
    assert set(pins[0]) < set(pins[1])


def test_the_pins_name_versions_and_no_place():
    for name in ("requirements.txt", "requirements-lab.txt", "requirements-learn.txt", "requirements-dev.txt"):
        for line in (HOUSE / name).read_text().splitlines():
            assert re.fullmatch(r"[a-z0-9-]+==[^/]+", line), f"{name}: {line}"


def test_the_pins_of_the_core_are_among_those_for_development():
    core, dev = (set((HOUSE / name).read_text().splitlines()) for name in ("requirements.txt", "requirements-dev.txt"))

    assert core <= dev
