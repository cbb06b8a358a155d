"""`atipico up docker` before it starts anything: what is missing is one sentence with its cure."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from atipico.engines.compose.docker import Container
from atipico.engines.compose.up import CHAIN, PORTS, WHO

HOUSE = Path(__file__).parents[2]
INFO = '{"ServerVersion":"20.10.24","MemTotal":%d}'
ENOUGH = INFO % 4e9


@pytest.fixture
def machine(tmp_path):
    """A checkout, and a machine whose docker and docker-compose say what they are told to."""
    (tmp_path / "compose").mkdir()
    for name in ("compose.yaml", "default.env", "own.yaml"):
        shutil.copy(HOUSE / "compose" / name, tmp_path / "compose")
    (tmp_path / "bin").mkdir()

    def command(name: str, script: str) -> None:
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def call(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "ATIPICO_HOME": str(tmp_path), "ATIPICO_RUN": str(tmp_path / "run")}
        env |= {"PATH": f"{tmp_path}/bin", **environment}
        asked = [sys.executable, "-m", "atipico.cli", *words]
        return subprocess.run(asked, env=env, capture_output=True, text=True, timeout=60, check=False)

    call.command = command
    return call


def docker(info: str, compose: str = "exit 1") -> str:
    return f"case $1 in info) {info};; compose) {compose};; ps) ;; *) exit 9;; esac"


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        ({}, "Docker is not here: install it"),
        ({"docker": docker("echo 'permission denied' >&2; exit 1")}, "permission denied; start it, or"),
        ({"docker": docker("""echo '{"ServerErrors":["Cannot connect"]}'""")}, "Cannot connect; start it, or"),
        ({"docker": docker(f"echo '{ENOUGH}'")}, "Compose is not here: install docker-compose-plugin"),
        ({"docker": docker(f"echo '{INFO % 5e8}'", "exit 0")}, "Docker has 477 MiB of memory, 1024 MiB are needed"),
    ],
)
def test_what_is_missing_is_told_with_its_cure(machine, tmp_path, commands, told):
    for name, script in commands.items():
        machine.command(name, script)

    done = machine("up", "docker")

    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "compose" / ".env").exists()


def compose(config: str) -> str:
    """A docker-compose that has this configuration, and says what else it is asked for."""
    return f'case $1 in version) ;; config) echo "{config}";; *) echo "$@" > "$0.asked"; echo "$@"; exit 1;; esac'


def test_services_with_profiles_are_started_when_they_are_asked_for_alone(machine):
    grafana = "services:\n  grafana:\n    image: x\n    profiles:\n    - pages\n"
    machine.command("docker", docker(f"echo '{ENOUGH}'"))
    machine.command("docker-compose", compose(grafana + "  page:\n    image: y\nvolumes:\n  v: {}"))
    ports = {"GRAFANA_PORT": "0", "PAGE_PORT": "0"}

    unasked, asked = machine("up", "docker", **ports), machine("up", "docker", "--only", "grafana", **ports)
    unknown = machine("up", "docker", "--only", "v", **ports)

    assert unasked.stderr.splitlines()[-1].endswith(": build page")
    assert asked.stderr.splitlines()[-1].endswith(": build grafana")
    assert "there are grafana, page" in unknown.stderr


def test_a_port_that_is_taken_is_told_before_anything_is_built(machine, tmp_path):
    machine.command("docker", docker(f"echo '{ENOUGH}'"))
    machine.command("docker-compose", compose("services:\n  grafana:\n    image: x"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = machine("up", "docker", GRAFANA_PORT=str(port))

    assert done.returncode == 1
    assert f"127.0.0.1:{port} is taken" in done.stderr
    assert "change GRAFANA_PORT in compose/.env" in done.stderr
    assert not (tmp_path / "bin" / "docker-compose.asked").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("up", "dcoker"), "'dcoker': docker, or nothing"),
        (("up", "docker", "--lab"), "JupyterLab is always there"),
        (("up", "docker", "--rate", "3"), "compose/generator.toml"),
        (("up", "--only", "grafana"), "atipico up docker --only"),
    ],
)
def test_words_that_do_not_go_together_are_told(machine, words, told):
    done = machine(*words, COLUMNS="200")

    assert done.returncode == 2
    assert told in done.stderr


def test_down_ends_processes_where_docker_does_not_answer(machine, tmp_path):
    machine.command("docker", docker("exit 1"))
    shutil.copy(HOUSE / "compose" / "default.env", tmp_path / "compose" / ".env")

    done, elsewhere = machine("down"), machine("down", ATIPICO_RUN=str(tmp_path / "another"))

    assert (done.returncode, done.stdout) == (0, "nothing was running\n")
    assert "containers were not looked at: Docker does not answer" in done.stderr
    assert (elsewhere.returncode, elsewhere.stderr) == (0, "")  # that run folder's are other parts


@pytest.mark.parametrize(
    ("state", "health", "code", "well"),
    [
        ("running", "healthy", 0, True),
        ("running", "", 0, True),
        ("running", "starting", 0, False),
        ("running", "unhealthy", 0, False),
        ("restarting", "", 1, False),
        ("exited", "", 0, True),
        ("exited", "", 1, False),
    ],
)
def test_a_container_is_well_when_it_is_healthy_or_has_done_its_work(state, health, code, well):
    assert Container("any", "1", state, health, code, 0).well() is well


def test_ports_and_services_are_those_of_the_files():
    found = {}
    for name in ("compose.yaml", "nginx.yaml"):
        found |= yaml.safe_load((HOUSE / "compose" / name).read_text())["services"]
    published = {name: one["ports"][0].split("{")[2].split("}")[0] for name, one in found.items() if "ports" in one}

    assert published == PORTS
    assert found.keys() >= CHAIN
    assert WHO.keys() < PORTS.keys()
