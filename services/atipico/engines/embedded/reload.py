"""Have the classifier of this run folder serve the models that are there now."""

from __future__ import annotations

import time
from typing import NamedTuple

import requests

from atipico import tls
from atipico.config import run_dir
from atipico.engines.embedded.parts import url
from atipico.errors import NotYet
from atipico.registry.asked import ask

_PATIENCE_S, _POLL_S = 60.0, 0.05


class Served(NamedTuple):
    """The newest version of a name that answers, and the one that did before; "" for none."""

    now: str
    before: str


def reload() -> dict[str, Served]:
    """Ask the classifier to read its folder again, and wait until it did. Name -> what it serves.

    Raises NotYet when no classifier runs here, or it has not done so in time: it does so later then.
    """
    try:
        before, _ = _served()
    except NotYet as error:
        raise NotYet(
            f"no classifier runs for {run_dir()}; one serves the newest models when it starts: {error}"
        ) from error
    number, deadline = ask(run_dir()), time.monotonic() + _PATIENCE_S
    why = "it has not come to it"
    while time.monotonic() < deadline:
        try:
            now, done = _served()
        except NotYet as error:  # it may be starting again
            why = str(error)
        else:
            if done >= number:
                return {name: Served(id, before.get(name, "")) for name, id in now.items()}
        time.sleep(_POLL_S)
    raise NotYet(f"the newest models are served later than in {_PATIENCE_S:g} s: {why}; see atipico logs classifier")


def _served() -> tuple[dict[str, str], int]:
    """Name -> id of the newest version that is served, and the number of the newest request that these follow.

    Raises NotYet when nobody answers.
    """
    authority = tls.authority()
    try:
        told = requests.get(
            f"{url('classifier')}/models", timeout=10, verify=str(authority) if authority else True
        ).json()
        versions = sorted((one["version"], one["name"], one["id"]) for one in told["models"])
        return {name: id for _, name, id in versions}, int(told["asked"])
    except (requests.RequestException, ValueError, LookupError) as error:
        raise NotYet(f"classifier at {url('classifier')}: {type(error).__name__}; is it up?") from error
