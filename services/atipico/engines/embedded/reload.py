"""Have the classifier of this run folder serve the models that are there now."""

from __future__ import annotations

import signal
import time
from typing import NamedTuple

import requests

from atipico import tls
from atipico.config import run_dir
from atipico.engines.embedded import processes
from atipico.engines.embedded.parts import url
from atipico.errors import NotYet

_PATIENCE_S, _POLL_S = 20.0, 0.05


class Served(NamedTuple):
    """The newest version of a name that answers, and the one that did before; "" for none."""

    now: str
    before: str


def reload() -> dict[str, Served]:
    """Tell the classifier to read its folder again, and wait until it did. Name -> what it serves.

    Raises NotYet when no classifier runs here, or none answers in time.
    """
    found = processes.running(run_dir()).get("classifier")
    if not found:
        raise NotYet(f"no classifier runs for {run_dir()}; the newest models are served from the next ./up.sh on")
    before, reads = _newest()
    found[0].send_signal(signal.SIGHUP)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        now, since = _newest()
        if since > reads:
            return {name: Served(id, before.get(name, "")) for name, id in now.items()}
        time.sleep(_POLL_S)
    raise NotYet(f"the classifier did not read its models again within {_PATIENCE_S:g} s; see atipico logs classifier")


def _newest() -> tuple[dict[str, str], int]:
    """Name -> id of the newest version that is served, and how often the folder was read."""
    authority = tls.authority()
    try:
        told = requests.get(
            f"{url('classifier')}/models", timeout=10, verify=str(authority) if authority else True
        ).json()
        versions = sorted((one["version"], one["name"], one["id"]) for one in told["models"])
        return {name: id for _, name, id in versions}, int(told["reads"])
    except (requests.RequestException, ValueError, LookupError) as error:
        raise NotYet(f"classifier at {url('classifier')}: {type(error).__name__}; is it up?") from error
