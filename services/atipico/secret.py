"""Secrets as files: made at once with their mode, whatever the umask; not read when others can."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from atipico.errors import Refused

_LEAST = 16  # characters


def make(path: Path) -> None:
    """Put a new secret there, for this user only, unless there is one. Nobody ever sees half of it."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(file, 0o600)
        os.write(file, f"{secrets.token_urlsafe(32)}\n".encode())
        os.fsync(file)
        os.link(draft, path)  # not over one that somebody else made meanwhile
    except FileExistsError:
        return
    finally:
        os.close(file)
        draft.unlink()


def read(path: Path) -> str:
    """The secret. Raises Refused when it is too short, or when others on this machine can read or change it."""
    refuse_open(path)
    text = path.read_text().strip()
    if len(text) < _LEAST:
        raise Refused(f"{path} holds no token of {_LEAST} characters or more; delete it and a new one is made")
    return text


def refuse_open(path: Path) -> None:
    """Raises Refused when others on this machine can read or change the file, or it is not there."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise Refused(f"{path} is open to others (mode {mode:o}); `chmod 600 {path}`, and a new one if they saw it")


def read_if_there(path: Path) -> str:
    """The secret, "" where there is none."""
    return read(path) if path.is_file() else ""
