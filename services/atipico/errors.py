"""What can go wrong, in two kinds: the same call may work later, or it never will."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AtipicoError(Exception):
    """The base of all errors that are meant for a person; its text says what, where and the cure."""


class NotYet(AtipicoError):
    """The same call may work later: the far side is down, slow or full. Callers try again."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refused(AtipicoError):
    """The same call will never work: the input or the setting is wrong. Callers must not try again."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for a word that is nearly a known one, and the known ones otherwise."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(names)}" if names else "; there are none yet"
