"""The manifests of compose/kubernetes: made of compose.yaml, of the API's shape, and of one piece."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml

from atipico.engines.compose import dotenv
from compose.files import COMPOSE, HOUSE, defaults, services

FOLDER = COMPOSE / "kubernetes"
SCHEMA = jsonschema.Draft202012Validator(json.loads((HOUSE / "tests/compose/kubernetes.schema.json").read_text()))


def _make() -> Any:
    spec = importlib.util.spec_from_file_location("make_kubernetes", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE = _make()
TRACKED = {path.name: path.read_text() for path in FOLDER.glob("*.yaml")}
MANIFESTS = [one for text in TRACKED.values() for one in yaml.safe_load_all(text)]


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] == kind}


PODS = {name: one["spec"]["template"] for name, one in of("Deployment").items()}


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


EVERY = {one["name"]: one for pod in PODS.values() for one in containers(pod)}


def test_the_tracked_manifests_are_those_that_are_made_of_compose_yaml():
    assert {name: MAKE.text_of(documents) for name, documents in MAKE.manifests().items()} == TRACKED


@pytest.mark.parametrize("one", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_manifest_has_the_shape_that_the_api_wants(one):
    jsonschema.validate(one, SCHEMA.schema)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "template", "spec", "containers", 0, "image"), "influxdb"),
        (("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"), "512m b"),
        (("spec", "template", "spec", "containers", 0, "securityContext", "readOnlyRootFilesystem"), False),
        (("spec", "template", "spec", "containers", 0, "volumesMounts"), []),
        (("spec", "selectors"), {}),
        (("metadata", "name"), "In_flux"),
        (("apiVersion",), "v1"),
    ],
)
def test_the_control_a_manifest_of_another_shape_is_refused(path, value):
    wrong = json.loads(json.dumps(of("Deployment")["influxdb"]))
    at = wrong
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value

    assert not SCHEMA.is_valid(wrong)


def test_every_service_of_compose_yaml_runs_in_one_pod_with_its_image_and_its_settings():
    here = {name: one for name, one in services().items() if name not in MAKE.LEFT_OUT}

    assert EVERY.keys() == here.keys()
    for name, service in here.items():
        told = {one["name"]: one for one in EVERY[name]["env"]}
        assert told.keys() >= service.get("environment", {}).keys()
        assert ("livenessProbe" in EVERY[name]) == ("healthcheck" in service)
        assert EVERY[name]["image"] == MAKE._resolved(service["image"])


def test_passwords_come_from_the_secret_and_from_nowhere_else():
    keys = {
        one["valueFrom"]["secretKeyRef"]["key"] for each in EVERY.values() for one in each["env"] if "valueFrom" in one
    }

    assert keys == {*dotenv.SECRETS} - {"JUPYTERLAB_TOKEN"}
    named = {one["name"] for each in EVERY.values() for one in each["env"] if re.search("PASSWORD|TOKEN", one["name"])}
    told = {one["name"] for each in EVERY.values() for one in each["env"] if "value" in one}
    assert not named & told
    for each in EVERY.values():  # what is put together of one names a variable that stands before it
        seen: set[str] = set()
        for one in each["env"]:
            assert set(re.findall(r"\$\((\w+)\)", one.get("value", ""))) <= seen
            seen.add(one["name"])


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_every_volume_that_it_mounts_and_mounts_every_one_that_it_has(name):
    pod = PODS[name]
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}

    assert {mount["name"] for one in containers(pod) for mount in one["volumeMounts"]} == volumes.keys()
    for one in volumes.values():
        if "persistentVolumeClaim" in one:
            assert one["persistentVolumeClaim"]["claimName"] in of("PersistentVolumeClaim")
            assert of("Deployment")[name]["spec"]["strategy"] == {"type": "Recreate"}
        if "configMap" in one:
            data = of("ConfigMap")[one["configMap"]["name"]]["data"]
            assert {item["key"] for item in one["configMap"]["items"]} == data.keys()


def test_no_disk_has_two_pods_and_none_is_there_for_nobody():
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for pod in PODS.values()
        for volume in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ]

    assert sorted(claims) == sorted(of("PersistentVolumeClaim"))
    assert set(claims) == {*MAKE.KEPT, "kapacitor-run", "generator-run"} - {"run"}


def test_every_name_that_a_setting_asks_for_is_a_service_that_finds_its_pod():
    asked = {
        host
        for each in EVERY.values()
        for one in each["env"]
        for host in re.findall(r"http://([\w-]+)", one.get("value", ""))
    }

    assert asked <= of("Service").keys()
    for name, service in of("Service").items():
        (pod,) = [one for one in PODS.values() if one["metadata"]["labels"] == service["spec"]["selector"]]
        (port,) = service["spec"]["ports"]
        assert {"name": "http", "containerPort": port["port"]} in [
            port for one in containers(pod) if one["name"] == name for port in one["ports"]
        ]


def test_the_agent_is_up_before_kapacitor_asks_it_who_it_is():
    pod = PODS["kapacitor"]["spec"]

    assert [(one["name"], one["restartPolicy"]) for one in pod["initContainers"]] == [("agent", "Always")]
    assert {"kapacitor", "jobs"} <= {one["name"] for one in pod["containers"]}


@pytest.mark.parametrize("name", EVERY)
def test_a_service_has_every_place_that_compose_gives_it_and_the_image_has_not(name):
    service = services()[name]
    given = [volume.split(":")[1] for volume in service.get("volumes", []) if not volume.startswith("../")]

    mounted = [mount["mountPath"] for mount in EVERY[name]["volumeMounts"]]

    assert sorted(mounted) == sorted([*given, *service.get("tmpfs", [])])


def test_another_image_of_ours_takes_the_place_of_the_built_one():
    made = MAKE.manifests("registry.example/atipico:1")
    images = {
        one["image"]
        for documents in made.values()
        for each in documents
        if each["kind"] == "Deployment"
        for one in containers(each["spec"]["template"])
    }

    assert "registry.example/atipico:1" in images
    assert not any(image.endswith(":local") for image in images)
    assert defaults()["INFLUXDB_IMAGE"] in images
