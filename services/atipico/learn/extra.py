"""What needs a package that is not installed says which, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from atipico.errors import Refused


@contextmanager
def needed(what: str) -> Iterator[None]:
    """Raises Refused where what is imported within is not there. what: that which needs it."""
    try:
        yield
    except ImportError as error:
        raise Refused(f"{what} needs {error.name}, which is not installed; pip install 'atipico[learn]'") from error
