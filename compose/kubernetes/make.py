"""Writes the manifests beside it from compose.yaml, default.env and the files that those mount: `make kubernetes`.

What stands in compose.yaml is said once: images, commands, settings, checks, limits, rights. Here is what differs in a
cluster: what shares a socket shares a pod, passwords come from one Secret, and nobody but this namespace may connect.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
COMPOSE = HERE.parent
NAMESPACE = SECRET = "atipico"  # noqa: S105  # the name of one
LEFT_OUT = {"jupyterlab"}  # notebooks are files of a person, on that person's machine
USER = 10001  # the image's own
# Volumes that have a disk of their own; the others are as empty as their pod is new.
KEPT = {"influxdb": "10Gi", "kapacitor": "1Gi", "chronograf": "1Gi", "grafana": "1Gi", "run": "5Gi"}
STATELESS = {"classifier", "page"}  # whose run folder holds signs of life alone
_VARIABLE = re.compile(r"\$\{(\w+)(:\?[^}]*)?\}")
_MEMORY = {"m": "Mi", "g": "Gi"}

Manifest = dict[str, Any]


def manifests(image: str | None = None) -> dict[str, list[Manifest]]:
    """File name -> what stands in it. image: of our services, where it is not the one that Compose builds."""
    services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
    pods: dict[str, dict[str, Any]] = {}
    for name, service in services.items():
        if name not in LEFT_OUT:
            pods.setdefault(_pod_of(name, service), {})[name] = service
    files = {"00-namespace.yaml": [_namespace(), _policy()]}
    return files | {f"{pod}.yaml": list(_of_pod(pod, inside, image)) for pod, inside in pods.items()}


def _pod_of(name: str, service: Manifest) -> str:
    """The agent's socket, and the job files that `apply` hands it, are shared with Kapacitor's pod."""
    shares = any(volume.startswith("agent:") for volume in service.get("volumes", []))
    return "kapacitor" if shares or _ends(service) else name


def _ends(service: Manifest) -> bool:
    return str(service["restart"]).startswith("on-failure")


def _of_pod(pod: str, services: dict[str, Manifest], image: str | None) -> Iterator[Manifest]:
    mounts = {name: [_mount(pod, name, volume) for volume in one.get("volumes", [])] for name, one in services.items()}
    volumes = {volume["name"]: volume for found in mounts.values() for _, volume in filter(None, found)}
    for source in sorted({volume.split(":")[0] for one in services.values() for volume in one.get("volumes", [])}):
        if source.startswith("./"):
            yield _config(source)
    disks = [one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one]
    yield from map(_claim, disks)
    for name, service in services.items():
        if service.get("ports"):
            yield _service(name, pod, service)
    scratch = [_scratch(name, path) for name, one in services.items() for path in one.get("tmpfs", [])]
    volumes |= {name: {"name": name, "emptyDir": {}} for name in scratch}
    made = {name: _container(name, one, [m for m in mounts[name] if m], image) for name, one in services.items()}
    yield _deployment(pod, made, list(volumes.values()), bool(disks))


def _deployment(pod: str, made: dict[str, Manifest], volumes: list[Manifest], disks: bool) -> Manifest:
    before = [name for name in made if name == "agent"]  # Kapacitor asks it who it is before it serves
    sidecars = [{**made[name], "restartPolicy": "Always"} for name in before]
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # KAPACITOR_PORT and its like would be read as settings
        "securityContext": {"fsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        **({"initContainers": sidecars} if sidecars else {}),
        "containers": [one for name, one in made.items() if name not in before],
        "volumes": volumes,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(pod),
        "spec": {
            "replicas": 1,
            **({"strategy": {"type": "Recreate"}} if disks else {}),  # a disk has one owner
            "selector": {"matchLabels": {"app.kubernetes.io/name": pod}},
            "template": {"metadata": {"labels": {"app.kubernetes.io/name": pod}}, "spec": spec},
        },
    }


def _container(name: str, service: Manifest, mounts: Any, image: str | None) -> Manifest:
    ours = "build" in service
    memory = re.sub(r"[mg]$", lambda unit: _MEMORY[unit[0]], service["mem_limit"])
    scratch = [{"name": _scratch(name, path), "mountPath": path} for path in service.get("tmpfs", [])]
    return {
        "name": name,
        "image": image if ours and image else _resolved(service["image"]),
        "imagePullPolicy": "IfNotPresent",
        **_words(service),
        "env": list(_environment(service.get("environment", {}))),
        **({"ports": [{"name": "http", "containerPort": _port(service)}]} if service.get("ports") else {}),
        **_probes(service.get("healthcheck")),
        "resources": {"requests": {"cpu": "50m", "memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], **({"add": service["cap_add"]} if "cap_add" in service else {})},
            **({"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": 0} if ours else {}),
        },
        "volumeMounts": [*(mount for mount, _ in mounts), *scratch],
    }


def _words(service: Manifest) -> Manifest:
    if _ends(service):  # a pod's containers stay
        words = " ".join(service["command"])
        return {"command": ["sh", "-c", f"until atipico {words}; do sleep 5; done; exec sleep infinity"]}
    entry = {"command": service["entrypoint"]} if "entrypoint" in service else {}
    return entry | ({"args": service["command"]} if "command" in service else {})


def _environment(told: dict[str, Any]) -> Iterator[Manifest]:
    """What is a secret alone is taken from the Secret; what holds one is put together of it."""
    asked: set[str] = set()
    for name, value in told.items():
        secrets = [found[1] for found in _VARIABLE.finditer(str(value)) if found[2]]
        if secrets and _VARIABLE.fullmatch(str(value)):
            yield _secret(name, secrets[0])
            continue
        for secret in secrets:
            if secret not in asked:
                yield _secret(secret, secret)
                asked.add(secret)
        yield {"name": name, "value": _resolved(str(value))}


def _secret(name: str, key: str) -> Manifest:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": key}}}


def _resolved(text: str) -> str:
    """With the defaults put in; a secret becomes $(NAME), which Kubernetes puts in."""
    return _VARIABLE.sub(lambda found: f"$({found[1]})" if found[2] else DEFAULTS[found[1]], text)


def _probes(check: Manifest | None) -> Manifest:
    if check is None:
        return {}
    kind, *words = check["test"]
    command = ["sh", "-c", words[0].replace("$$", "$")] if kind == "CMD-SHELL" else words
    probe = {
        "exec": {"command": command},
        "periodSeconds": _seconds(check["interval"]),
        "timeoutSeconds": _seconds(check["timeout"]),
        "failureThreshold": check["retries"],
    }
    return {"startupProbe": {**probe, "failureThreshold": 60}, "readinessProbe": probe, "livenessProbe": probe}


def _mount(pod: str, name: str, volume: str) -> tuple[Manifest, Manifest] | None:
    """(mount, volume) of one line of Compose's; None for folders of the checkout, which the image has."""
    source, path, *_ = volume.split(":")
    if source.startswith("../"):
        return None
    if source.startswith("./"):
        items = [{"key": key, "path": where} for key, where, _ in _files(source)]
        one = (COMPOSE / source).is_file()
        slug = _config_of(source)
        mount = {"name": slug, "mountPath": path, **({"subPath": items[0]["path"]} if one else {}), "readOnly": True}
        return mount, {"name": slug, "configMap": {"name": slug, "items": items}}
    kept = source in KEPT and name not in STATELESS
    claim = f"{pod}-run" if source == "run" else source
    store = {"persistentVolumeClaim": {"claimName": claim}} if kept else {"emptyDir": {}}
    return {"name": source, "mountPath": path}, {"name": source, **store}


def _files(source: str) -> list[tuple[str, str, str]]:
    """(key, path, text) of a file, or of all files of a folder."""
    root = COMPOSE / source
    found = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    named = [(str(path.relative_to(root.parent if root.is_file() else root)), path.read_text()) for path in found]
    return [(path.replace("/", "."), path, text) for path, text in named]


def _config(source: str) -> Manifest:
    data = {key: text for key, _, text in _files(source)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(_config_of(source)), "data": data}


def _claim(name: str) -> Manifest:
    size = KEPT["run" if name.endswith("-run") else name]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _metadata(name), "spec": spec}


def _service(name: str, pod: str, service: Manifest) -> Manifest:
    check = " ".join(service.get("healthcheck", {}).get("test", []))
    by_name = {"publishNotReadyAddresses": True} if f"http://{name}:" in check else {}  # it asks itself by its name
    ports = [{"name": "http", "port": _port(service), "targetPort": "http"}]
    spec = {**by_name, "selector": {"app.kubernetes.io/name": pod}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(name), "spec": spec}


def _namespace() -> Manifest:
    labels = {"pod-security.kubernetes.io/warn": "baseline"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _policy() -> Manifest:
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}
    meta = _metadata("this-namespace-alone")
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def _metadata(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/part-of": "atipico"}}


def _port(service: Manifest) -> int:
    (port,) = service["ports"]
    return int(port.rsplit(":", 1)[1])


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _config_of(source: str) -> str:
    """The ConfigMap with a file or a folder of compose/; no volume of Compose's has such a name."""
    return f"files-{_slug(source)}"


def _scratch(name: str, path: str) -> str:
    """The volume of a service's own where Compose has a tmpfs."""
    return f"{name}-{_slug(path)}"


def _slug(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")


def _defaults() -> dict[str, str]:
    lines = (COMPOSE / "default.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


DEFAULTS = _defaults()


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; nothing is told by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def text_of(documents: list[Manifest]) -> str:
    """A file of manifests."""
    head = "# Made by make.py from compose.yaml: change that, then `make kubernetes`.\n"
    return head + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=120)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the manifests.")
    parser.add_argument("--image", help="of our services, as your cluster finds it: registry.example/atipico:1")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder that they go to; this one unless given")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, documents in manifests(given.image).items():
        (given.out / name).write_text(text_of(documents))


if __name__ == "__main__":
    main()
