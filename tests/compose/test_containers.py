"""compose.yaml as it is, in containers: up, seen in Grafana, killed one by one, down, up again with its data."""

from __future__ import annotations

import json
import re
import time

import pytest
import requests

from atipico.engines.compose.up import PORTS
from atipico.engines.grafana.ask import filled, queries
from compose.files import services
from executed import complaints, pictures_of, shown
from stack.checker import settled
from waiting import until

pytestmark = pytest.mark.timeout(900)
MINUTE = 60 * 10**9
ONE_SHOT, LEFT_OUT = "jobs", "chronograf"
STAY = sorted(services().keys() - {ONE_SHOT, LEFT_OUT})
OURS = sorted(name for name, one in services().items() if one["image"].startswith("atipico/") and name != ONE_SHOT)
IMAGES = ("atipico/services:local", "atipico/lab:local")
BASE = "python:3.11-slim-bookworm"


@pytest.fixture(scope="module")
def up(stack, request):
    """The stack, up since `atipico up docker` ended; what that printed, and how long it took."""
    build = time.monotonic()
    stack.up("--only", "classifier,jupyterlab")  # which builds both images, so that what follows is the start alone
    began, built = time.monotonic(), time.monotonic() - build
    stack.printed = stack.up()
    stack.took = time.monotonic() - began
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(
            f"\ncompose: {len(STAY)} services healthy, first score in Grafana {stack.took:.0f} s after `up`; ", end=""
        )
        print(f"images built in {built:.0f} s")
    return stack


def test_every_service_is_well_and_the_addresses_are_told(up):
    states = {name: up.health(name) for name in up.containers()}

    assert states == {**dict.fromkeys(STAY, "healthy"), ONE_SHOT: "exited"}
    assert up.containers()[ONE_SHOT].attrs["State"]["ExitCode"] == 0
    assert all(up.url(name) in up.printed for name in PORTS if name in STAY)
    assert not [secret for secret in up.secrets.values() if secret in up.printed]


def test_every_panel_of_grafana_shows_something(up):
    now = time.time_ns()
    told = "labels,source=payments,told_by=person label=1i,id=1i"
    refused = "payments,shard=0 amount=1,transaction_id=1i"  # it lacks what else the job reads
    up.write(f"{refused} {now}\n{told} {now}")

    def empty() -> list[str]:
        since = time.time_ns() - 30 * MINUTE
        return [name for name, q in queries().items() if not up.panel(filled(q, since, time.time_ns()))]

    until(lambda: set(empty()) <= NEVER_HERE, within_s=90)


# Outcomes, told by our own stream host, in whose place Kapacitor stands here.
NEVER_HERE = {f"Atipico: pipeline health / From write to score {at}" for at in (2, 3)}


def test_nobody_gets_in_without_a_password_or_with_more_rights_than_needed(up):
    store, grafana = up.url("influxdb"), up.url("grafana")
    reader = ("reader", up.secrets["INFLUXDB_READER_PASSWORD"])

    assert requests.get(f"{store}/query", {"q": "SHOW DATABASES"}, timeout=10).status_code == 401
    assert requests.post(f"{store}/write?db=atipico", data=b"a b=1", auth=reader, timeout=10).status_code == 403
    for login in (None, ("admin", "admin")):
        assert requests.get(f"{grafana}/api/search", auth=login, timeout=10).status_code == 401
    assert requests.get(f"{up.url('jupyterlab')}/api/contents", timeout=10).status_code == 403
    for service in ("classifier", "page", "jupyterlab"):
        assert requests.get(up.url(service), headers={"Host": "evil.example"}, timeout=10).status_code == 403


def test_ports_are_reached_from_this_machine_alone(up):
    bound = [
        binding["HostIp"]
        for container in up.containers().values()
        for bindings in container.attrs["NetworkSettings"]["Ports"].values()
        for binding in bindings or []
    ]

    assert set(bound) == {"127.0.0.1"}
    assert len(bound) == len([name for name in PORTS if name in STAY])


@pytest.mark.parametrize("service", OURS)
def test_a_part_of_ours_is_nobody_without_rights_and_can_not_change_its_image(up, service):
    code, said = up.inside(service, "sh", "-c", "id -u; id -g; grep CapEff /proc/1/status; touch /opt/services/x 2>&1")

    user, group, rights, refused = said.split("\n", 3)
    assert int(user) > 0
    assert (group, rights.split()[1]) == ("0", "0" * 16)
    assert code != 0
    assert "Read-only file system" in refused


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_no_secret_and_its_size_is_told(up, image, request):
    found, base = up.docker.images.get(image), up.docker.images.get(BASE)

    told = json.dumps([found.history(), found.attrs["Config"]])
    inside = f"ls -A / /atipico /opt; ! grep -rlE '{'|'.join(up.secrets.values())}' /atipico /opt/services /tmp"
    said = up.docker.containers.run(image, ["-c", inside], entrypoint="sh", remove=True).decode()

    assert not [secret for secret in up.secrets.values() if secret in told]
    assert "build" not in said.split()
    assert ".env" not in said
    size, ours = (n / 1e6 for n in (found.attrs["Size"], found.attrs["Size"] - base.attrs["Size"]))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\ncompose: image {image} {size:.0f} MB, {ours:.0f} MB of them beside {BASE}")


def test_from_jupyterlab_the_stack_is_found_by_names(up):
    code = (
        "import atipico; client = atipico.Client(); "
        "scores = client.scores('payments', last='10m'); "
        "written = client.write({'amount': 3.5}, 'from_the_lab', tags={'shard': '1'}); "
        "print(len(scores), scores['version'].iloc[-1], client.samples('from_the_lab')['amount'].tolist())"
    )

    exit_code, said = up.inside("jupyterlab", "python", "-c", code)

    assert exit_code == 0, said
    count, version, amounts = said.split(maxsplit=2)
    assert int(count) > 0
    assert version.startswith("payments@")
    assert amounts.strip() == "[3.5]"
    assert "payments" in up.inside("jupyterlab", "ls", "/atipico/models", "/atipico/data")[1].split()


IMPORT = """
import pathlib, re
texts = [path.read_text() for path in pathlib.Path("notebooks").glob("0*.py")]
for line in "\\n".join(texts).splitlines():
    if re.match(r"(import|from) \\w", line):
        exec(line)
print(len(texts))
"""


def test_jupyterlab_has_what_every_notebook_imports(up):
    assert up.inside("jupyterlab", "python", "-c", IMPORT) == (0, "7\n")


@pytest.mark.parametrize(("name", "many"), [("00-hello", 2), ("01-look", 5), ("05-rest", 3), ("06-live", 5)])
def test_a_notebook_runs_in_jupyterlab(up, name, many):
    notebook = up.executed(name)

    assert (pictures_of(notebook), complaints(notebook)) == (many, [])
    if name == "05-rest":
        assert "not authorized" in shown(notebook, "CREATE DATABASE")
        assert "partial write: field type conflict" in shown(notebook, "bad = ")
    if name == "06-live":
        assert re.search(r"True +2\n.* False +0$", shown(notebook, "print(alerts)"))
        assert "- task atipico-course" in shown(notebook, "removals(")


@pytest.mark.parametrize("service", STAY)
def test_who_is_killed_comes_back_and_nothing_is_lost(up, service):
    up.kill(service)
    until(lambda: up.health(service) == "healthy", within_s=90)
    after = time.time_ns()

    until(lambda: up.query(f"SELECT score FROM scores WHERE atipico_job = 'payments' AND time > {after}"), within_s=90)
    found = settled(up, "payments", after, within_s=90)

    assert found.ids
    assert not found.lost
    assert not found.strange


def test_memory_is_told(up, request):
    used = {name: up.containers()[name].stats(stream=False)["memory_stats"]["usage"] / 2**20 for name in STAY}

    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\ncompose: memory in MiB: {', '.join(f'{name} {mib:.0f}' for name, mib in used.items())}")
    assert sum(used.values()) < 2048


def test_down_leaves_the_data_and_the_next_up_finds_it(up):
    sample = "SELECT count(amount) FROM payments WHERE time <= {}"
    before = time.time_ns()
    until(lambda: up.query(f"SELECT amount FROM payments WHERE time > {before} LIMIT 1"))  # none before is on its way
    counted = up.query(sample.format(before))

    done = up.command("down")
    left = up.containers()
    networks = up.docker.networks.list(names=[f"{up.project}_default"])
    up.up()

    assert done.returncode == 0, done.stderr
    assert all(f"{name} (container)" in done.stdout for name in STAY)
    assert (left, networks) == ({}, [])
    assert up.query(sample.format(before)) == counted
    assert {up.health(name) for name in STAY} == {"healthy"}
    assert not settled(up, "payments", before).lost


def test_purge_asks_and_then_removes_the_volumes_too(up):
    def volumes() -> list:
        return up.docker.volumes.list(filters={"label": f"com.docker.compose.project={up.project}"})

    there = len(volumes())
    asked = up.command("down", "--purge", said="n\n")
    kept = len(volumes())
    removed = up.command("down", "--purge", "--yes")

    assert (asked.returncode, removed.returncode) == (1, 0), removed.stderr
    assert up.project in asked.stderr
    assert there == kept > 0
    assert volumes() == []
