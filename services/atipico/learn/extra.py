"""What needs a package that is not installed says which, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from atipico.config import home
from atipico.errors import Refused

_PINS = {"learn": "requirements-learn.txt"}  # of a checkout; those for developers have all that the others need


@contextmanager
def needed(what: str) -> Iterator[None]:
    """Raises Refused where what is imported within is not there. what: that which needs it."""
    try:
        yield
    except ImportError as error:
        raise Refused(missing(what, error, "learn")) from error


def missing(what: str, error: ImportError, extra: str) -> str:
    """What is missing, and the command that installs it here."""
    pins = _PINS.get(extra, "requirements-dev.txt")
    cure = f"./setup.sh {pins}" if (home() / "setup.sh").is_file() else f"pip install 'atipico[{extra}]'"
    return f"{what} needs {error.name}, which is not installed; install it: {cure}"
