"""Where the stack of a run folder is found by those who were not told what `up` was.

The supervisor writes down the addresses it was given; a command in another shell, which has none of those settings,
takes them over.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import psutil

from atipico import tls
from atipico.config import run_dir
from atipico.engines.embedded import state

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
    """Have this process ask the living stack of the run folder where it is; what its environment says goes before."""
    known = state.read(run_dir())
    if not any(_lives(one) for one in (known, *known.get("parts", {}).values())):
        return
    for name, at in known.get("found_at", {}).items():
        if not os.environ.get(name):
            os.environ[name] = at


def _lives(known: Mapping[str, Any]) -> bool:
    """Whether that very process still runs: its pid may be another's by now."""
    if not known.get("pid"):  # psutil would take it for this process
        return False
    with contextlib.suppress(psutil.Error, KeyError, TypeError, ValueError):
        return bool(psutil.Process(known["pid"]).create_time() == known["create_time"])
    return False
