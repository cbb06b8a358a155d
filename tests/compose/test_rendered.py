"""The file as each kind of Compose that is here reads it: `docker compose` 2 and `docker-compose` 1.29."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from atipico.engines.compose import dotenv
from compose.files import COMPOSE, services

KINDS = {"docker compose": ["docker", "compose"], "docker-compose": ["docker-compose"]}
PLUGINS = os.environ.get("ATIPICO_REAL", "")  # where ../shared/real/install-compose.sh puts version 2


def said(words: list[str], folder: Path = COMPOSE) -> subprocess.CompletedProcess[str]:
    outside = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    if (Path(PLUGINS) / "cli-plugins").is_dir():
        outside["DOCKER_CONFIG"] = PLUGINS
    if not shutil.which(words[0]):
        return subprocess.CompletedProcess(words, 127, "", "")
    return subprocess.run(words, cwd=folder, env=outside, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(params=[name for name, words in KINDS.items() if said([*words, "version"]).returncode == 0])
def typed(request, tmp_path):
    """What is typed inside a copy of compose/ that is of no checkout."""
    shutil.copytree(COMPOSE, tmp_path / "compose", ignore=shutil.ignore_patterns(".env*"))
    words = KINDS[request.param]

    def typed(*more: str) -> subprocess.CompletedProcess[str]:
        return said([*words, *more], tmp_path / "compose")

    typed.folder = tmp_path / "compose"
    return typed


def test_without_secrets_it_stops_and_says_what_to_type(typed):
    shutil.copyfile(typed.folder / "default.env", typed.folder / ".env")

    refused = typed("config", "-q")

    assert refused.returncode != 0
    assert "run ./up.sh docker once" in refused.stderr


@pytest.mark.parametrize("overlays", ["compose.yaml:own.yaml", "compose.yaml:nginx.yaml:own.yaml"])
def test_it_is_read_with_its_overlays(typed, overlays):
    env = dotenv.make(typed.folder)
    env.write_text(env.read_text().replace("compose.yaml:own.yaml", overlays))

    read = typed("config", "--services")

    assert read.returncode == 0, read.stderr
    assert typed("config", "-q").returncode == 0
    expected = {name for file in overlays.split(":")[:-1] for name in services(file)}
    profiled = {name for name, one in services().items() if one.get("profiles")}
    assert set(read.stdout.split()) | profiled == expected | profiled
