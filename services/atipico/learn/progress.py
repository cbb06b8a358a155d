"""How far a stage is, for whoever looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class Step(Protocol):
    def __call__(self, more: int, total: int | None = None) -> object:
        """So many more are done, of so many where that is known; what was known stays so."""


Bar = Callable[[str], AbstractContextManager[Step]]  # what is counted -> what counts it

HUNDREDTHS = 100  # of one training


@contextmanager
def unseen(what: str) -> Iterator[Step]:
    """Nobody looks on."""
    yield _nobody


def _nobody(more: int, total: int | None = None) -> None: ...


_counting: ContextVar[Step] = ContextVar("counting", default=_nobody)


@contextmanager
def counted(bar: Bar, what: str, trainings: int) -> Iterator[None]:
    """A bar over what is trained within, in this thread, however deep: each `Training` there moves it.

    trainings: how many there will be; 0 where there are none, and nobody knows how long it takes.
    """
    with bar(what) as step:
        step(0, trainings * HUNDREDTHS or None)
        before = _counting.set(step)
        try:
            yield
        finally:
            _counting.reset(before)


class Training:
    """One training of one estimator, which moves the bar that is around it."""

    def __init__(self) -> None:
        self._step, self._done = _counting.get(), 0

    def at(self, share: float) -> None:
        """So far it is now, 0 .. 1."""
        now = int(share * HUNDREDTHS)
        self._step(now - self._done)
        self._done = now
