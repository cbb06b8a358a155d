"""What the files of compose/ promise, read off the files: no Docker needed."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from atipico.engines.compose import dotenv
from atipico.engines.kapacitor.settings import KapacitorSettings
from compose.files import COMPOSE, HOUSE, TEXT, defaults, services, stages, variables

OURS = ("atipico/services:local", "atipico/lab:local")  # built from this very folder
ONE_SHOT = {"jobs"}
OVERLAYS = ("compose.yaml", "nginx.yaml")
EVERY = [(file, name) for file in OVERLAYS for name in services(file)]
CURE = ":?run ./up.sh docker once"


@pytest.mark.parametrize(("file", "name"), EVERY)
def test_every_service_is_bounded_and_has_no_right_that_it_does_not_need(file, name):
    service = services(file)[name]

    assert {"mem_limit", "pids_limit", "restart"} <= service.keys()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not set(service.get("cap_add", [])) - {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert not {"privileged", "network_mode", "pid", "devices"} & service.keys()
    assert not any("docker.sock" in volume for volume in service.get("volumes", []))


@pytest.mark.parametrize(("file", "name"), EVERY)
def test_every_service_that_stays_says_whether_it_is_well(file, name):
    service = services(file)[name]

    assert ("healthcheck" in service) == (name not in ONE_SHOT)
    assert service["restart"] == ("on-failure:20" if name in ONE_SHOT else "unless-stopped")


def test_images_of_others_are_pinned_in_one_place_and_ours_run_as_nobody_in_particular():
    values, every = defaults(), [one for file in OVERLAYS for one in services(file).values()]

    for service in every:
        if service["image"] in OURS:
            assert service["build"]["dockerfile"] == "compose/python.Dockerfile"
            assert service["build"]["target"] in stages()
            assert re.fullmatch(r"\$\{ATIPICO_UID:\?.*\}:0", service["user"])
            assert "cap_add" not in service
        else:
            (variable,) = variables(service["image"])
            assert re.search(r":\d+\.\d+\.\d+(-\w+)?$", values[variable])
    assert {one["image"] for one in every} > set(OURS)


def test_ports_are_those_of_this_machine_alone_and_stand_once():
    values = defaults()
    published = [port for file in OVERLAYS for one in services(file).values() for port in one.get("ports", [])]

    found = [re.fullmatch(r"\$\{(?:ATIPICO|NGINX)_BIND\}:\$\{(\w+_PORT)\}:\d+", port) for port in published]

    assert values["ATIPICO_BIND"] == values["NGINX_BIND"] == "127.0.0.1"
    assert all(found)
    assert sorted(one[1] for one in found) == sorted(name for name in values if name.endswith("_PORT"))
    assert len({values[one[1]] for one in found}) == len(found)


def test_every_variable_has_a_default_or_is_made_once_and_no_secret_has_a_default():
    made = {*dotenv.SECRETS, dotenv.USER}
    texts = [(COMPOSE / file).read_text() for file in OVERLAYS]
    used = {name: how for text in texts for name, how in variables(text).items()}

    assert used.keys() - defaults().keys() == made
    assert all(used[name] == CURE for name in made)
    assert not made & defaults().keys()
    assert all(len(re.findall(rf"\$\{{{name}\}}", TEXT)) == 0 for name in made)


def test_a_users_own_file_is_read_last_and_says_nothing_yet():
    assert defaults()["COMPOSE_FILE"].split(":") == ["compose.yaml", "own.yaml"]
    assert yaml.safe_load((COMPOSE / "own.yaml").read_text()) == {"version": "2.4", "services": {}}


def test_every_file_that_is_mounted_is_there():
    mounted = [
        volume.split(":")[0] for file in OVERLAYS for one in services(file).values() for volume in one["volumes"]
    ]

    assert not [one for one in mounted if one.startswith(".") and not (COMPOSE / one).exists()]


def test_kapacitor_finds_the_agents_socket_in_the_volume_that_both_have():
    conf = (COMPOSE / "kapacitor" / "kapacitor.conf").read_text()
    bare = dict(pair.split("=", 1) for word, rest in stages()["bare"] if word == "ENV" for pair in rest.split())
    socket = bare["ATIPICO_AGENT_SOCKET"]

    assert f'[udf.functions.{KapacitorSettings().udf}]\n      socket = "{socket}"' in conf
    assert all("agent:/run/agent" in services()[name]["volumes"] for name in ("agent", "kapacitor"))
    assert socket.startswith("/run/agent/")


def test_the_dockerfile_builds_with_any_builder_and_ends_as_nobody():
    text = (COMPOSE / "python.Dockerfile").read_text()

    assert not re.search(r"--mount|--link|--chmod|--exclude|<<|# ?syntax|TARGETARCH|^ADD", text, re.MULTILINE)
    bases = [rest.split()[0] for stage in stages().values() for word, rest in stage if word == "FROM"]
    assert {base for base in bases if base not in stages()} == {"python:3.11-slim-bookworm"}
    for stage, base in (("services", "bare"), ("lab", "learning")):
        assert stages()[stage][0] == ("FROM", f"{base} AS {stage}")
        assert not [rest for word, rest in stages()[stage] if word in ("USER", "RUN")]
        assert [rest for word, rest in stages()[base] if word == "USER"][-1] == "10001:0"
    installs = [rest for stage in stages().values() for word, rest in stage if word == "RUN" and rest.startswith("pip")]
    assert installs
    assert all("--no-cache-dir" in one and re.search(r"-r /build/requirements", one) for one in installs)


def test_secrets_and_what_is_not_needed_stay_out_of_git_and_of_the_image():
    ignored = subprocess.run(["git", "check-ignore", "compose/.env"], cwd=HOUSE, capture_output=True, text=True)
    allowed = [line[1:] for line in (HOUSE / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    assert ignored.returncode in (0, 128), "compose/.env would be committed"  # 128: no repository here
    assert "*" in (HOUSE / ".dockerignore").read_text().splitlines()
    bare = [one for one in allowed if not re.fullmatch(r"data/\w+/\*\.toml", one)]  # recipes and columns, no samples
    assert not [one for one in bare if one.split("/")[0] in ("compose", "run", "data", ".git", ".env")]
    copied = {rest.split()[0] for stage in stages().values() for word, rest in stage if word == "COPY"}
    assert "." not in copied
