"""compose/.env: what compose.yaml leaves open, with secrets that were made here and that nobody else may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from atipico.errors import Refused

SECRETS = (
    "INFLUXDB_ADMIN_PASSWORD",
    "INFLUXDB_PASSWORD",
    "INFLUXDB_READER_PASSWORD",
    "GRAFANA_PASSWORD",
    "JUPYTERLAB_TOKEN",
)
USER = "ATIPICO_UID"
_NOBODY = 10001  # the image's own user, where root has the checkout: nothing of ours runs as root


def make(folder: Path) -> Path:
    """Have `folder`/.env hold all that default.env names, a secret of each kind, and who our parts run as.

    What stands there already stays; a line that is new in default.env is added. Returns where it is.
    """
    path, default = folder / ".env", folder / "default.env"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = _values(text)
    if not text:
        text = default.read_text(encoding="utf-8") + "\n# Made here, for this stack alone.\n"
    else:
        text = text.rstrip("\n") + "\n"
        text += "".join(
            f"{name}={value}\n" for name, value in _values(default.read_text()).items() if name not in known
        )
    owner = str(folder.stat().st_uid or _NOBODY)
    made = {USER: owner, **{name: secrets.token_hex(16) for name in SECRETS}}
    text += "".join(f"{name}={value}\n" for name, value in made.items() if name not in known)
    draft = folder / f".env.{os.getpid()}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def read(path: Path) -> dict[str, str]:
    """Its values by name, those of the environment before them, as Compose takes them. Raises Refused without it."""
    try:
        values = _values(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; run ./up.sh docker once") from error
    return {name: os.environ.get(name, value) for name, value in values.items()}


def _values(text: str) -> dict[str, str]:
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}
