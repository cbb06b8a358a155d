"""The reference models by name: each is made again, from nothing but this code, by `atipico model make NAME`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from atipico.config import home
from atipico.errors import Refused, nearest
from atipico.learn.register import register
from atipico.registry.jobs import load_job
from atipico.registry.models import Model

# Named, and imported when made: training one needs none of the others.
REFERENCE = {"payments": "atipico.learn.payments", "machine": "atipico.learn.machine"}


def make(name: str, out: Path | None = None) -> Model:
    """Train a reference model on the features of its job and register it as the next version under `out`.

    out: `models/` under home unless given. The same code makes the same scores again.
    Raises Refused for a name that is none of them.
    """
    if name not in REFERENCE:
        raise Refused(f"no reference model {name!r}{nearest(name, REFERENCE)}")
    job = load_job(home() / "jobs" / f"{name}.toml")
    trained = import_module(REFERENCE[name]).train(job, f"atipico model make {name}")
    return register(trained, out or home() / "models")
