"""Where the stack of a run folder is found by those who were not told what `up` was.

The supervisor writes down the addresses it was given; a command in another shell, which has none of those settings,
takes them over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from atipico import tls
from atipico.config import run_dir
from atipico.engines.embedded import processes, state

_AUTHORITY = "ATIPICO_TLS_CA"


def told(given: Mapping[str, str]) -> dict[str, str]:
    """The variables by which the parts are found: their ports, and whom to trust for them. given: what a part gets."""
    ports = {
        name: at
        for name, at in {**os.environ, **given}.items()
        if at and name.startswith("ATIPICO_") and name.endswith("_PORT")
    }
    authority = tls.authority()
    return ports | ({_AUTHORITY: str(authority)} if authority else {})


def find() -> None:
    """Have this process ask the living stack of the run folder where it is; what its environment says goes before.

    For commands, as it changes the environment.
    """
    if not processes.running(run_dir()):
        return
    known = dict(state.read(run_dir()).get("found_at", {}))
    if tls.authority():
        known.pop(_AUTHORITY, None)
    for name, at in known.items():
        if not os.environ.get(name):
            os.environ[name] = at
