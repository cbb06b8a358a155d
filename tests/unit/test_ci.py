""".ci/run with scripts that only tell that they were called: Docker is begun, ended, or loudly gone without."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
SAID = "$(basename $0) $* DOCKER_HOST=$DOCKER_HOST ATIPICO_TEST_DOCKER=$ATIPICO_TEST_DOCKER"
TELL = f'#!/bin/sh\necho "{SAID}" >> "$TOLD"\n'
SCRIPTS = ("install-influx", "install-kapacitor", "install-grafana", "start-docker", "make-images", "stop-docker")


@pytest.fixture
def ci(tmp_path):
    """Calls .ci/run of a copy on a machine of which we are root and which has apt, but no docker."""
    house, scripts, commands = tmp_path / "house", tmp_path / "shared" / "real", tmp_path / "bin"
    for folder in (house / ".ci", house / "compose", scripts, commands):
        folder.mkdir(parents=True)
    shutil.copy(HOUSE / ".ci" / "run", house / ".ci")
    shutil.copy(HOUSE / "compose" / "default.env", house / "compose")

    def script(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    for name in SCRIPTS:
        script(scripts / f"{name}.sh", TELL)
    script(house / "test.sh", TELL + "exit ${TESTS:-0}\n")
    script(commands / "docker", "#!/bin/sh\nexit ${DOCKER:-1}\n")
    script(commands / "id", "#!/bin/sh\necho ${ID:-0}\n")
    script(commands / "apt-get", "#!/bin/sh\n")
    told = tmp_path / "told"

    def call(**environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        told.unlink(missing_ok=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ATIPICO", "DOCKER"))}
        env |= {"PATH": f"{commands}:{env['PATH']}", "TOLD": str(told), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        env |= {"ATIPICO_CHROMIUM": "/bin/sh", **environment}
        done = subprocess.run([house / ".ci" / "run"], env=env, capture_output=True, text=True, timeout=60)
        return done, told.read_text().splitlines()

    call.scripts, call.script = scripts, script
    return call


def test_docker_is_begun_before_the_tests_and_ended_behind_them_whatever_they_say(ci, tmp_path):
    done, told = ci(TESTS="3")

    assert [line.split()[0] for line in told] == [*(f"{name}.sh" for name in SCRIPTS[:-1]), "test.sh", "stop-docker.sh"]
    assert f"--real DOCKER_HOST=unix://{tmp_path}/cache/atipico-docker/docker.sock" in told[-2]
    assert told[-2].endswith("ATIPICO_TEST_DOCKER=")
    assert done.returncode == 3


def test_a_docker_that_is_here_is_taken_and_goes_on(ci):
    done, told = ci(DOCKER="0")

    assert not [line for line in told if line.startswith(("start-docker", "stop-docker"))]
    assert done.returncode == 0


@pytest.mark.parametrize("why", ["nobody may install it", "it does not start"])
def test_where_docker_can_not_be_had_that_is_said_and_the_tests_are_told(ci, why):
    if why == "it does not start":
        ci.script(ci.scripts / "start-docker.sh", "#!/bin/sh\necho no cgroups\nexit 1\n")

    done, told = ci(ID="1000" if why == "nobody may install it" else "0")

    assert "NO DOCKER" in done.stdout
    assert told[-1].startswith("test.sh --real")
    assert told[-1].endswith("ATIPICO_TEST_DOCKER=no")
    assert ("no cgroups" in done.stderr) == (why == "it does not start")
    assert done.returncode == 0


def test_a_server_or_an_image_that_can_not_be_made_ends_it(ci):
    ci.script(ci.scripts / "make-images.sh", "#!/bin/sh\necho no room\nexit 1\n")

    done, told = ci()

    assert done.returncode == 1
    assert "no room" in done.stderr
    assert told[-1].startswith("stop-docker.sh")
    assert not [line for line in told if line.startswith("test.sh")]
