"""What it takes to get in: what has to be installed, the token, the address."""

from __future__ import annotations

import importlib.util

from atipico import secret
from atipico.config import load, run_dir
from atipico.errors import Refused
from atipico.lab.settings import LabSettings

_NEEDED = ("jupyterlab", "jupytext", "ipykernel")


def check_installed() -> None:
    """Raises Refused with the cure when JupyterLab is not there."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise Refused(
            f"the lab needs {', '.join(missing)}, not installed here; `./up.sh --lab` installs it, as does "
            "pip install 'atipico[lab]'"
        )


def token(settings: LabSettings) -> str:
    """Its own where one is set, else the run folder's. Raises Refused where there is none yet."""
    if settings.token:
        return settings.token
    path = run_dir() / "token"
    if not path.is_file():
        raise Refused(f"{path} is not there; `atipico up --lab` makes it")
    return secret.read(path)


def address() -> str:
    """What a browser opens, token included."""
    settings = load(LabSettings)
    return settings.address(token(settings))
