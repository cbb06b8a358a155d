"""What a library of search must do: propose values, hear what came of them, and remember."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from atipico.learn.methods import Between, Choices

Value = bool | int | float | str
Space = Mapping[str, Between | Choices]
STARTUP = 10  # trials at random before what was seen leads


class Trial(NamedTuple):
    """Values that were tried.

    folds: what each judged span gave, as far as it came. score: their mean; None: it was left, or failed. why: of what.
    """

    number: int
    values: dict[str, Value]
    folds: list[float]
    score: float | None
    why: str = ""


class Searcher(Protocol):
    """One search in a file: opened again it goes on where it was. Calls never overlap."""

    prunes: bool

    def ask(self) -> tuple[int, dict[str, Value]]:
        """The number of a new trial, and its values."""

    def behind(self, number: int, folds: list[float]) -> bool:
        """Whether a trial that gave this so far is so far behind others that the rest is not worth it."""

    def tell(self, trial: Trial) -> None:
        """What came of it. A trial that was asked for and never told is forgotten."""

    def trials(self) -> list[Trial]:
        """All that was told, also in earlier runs, in the order of their numbers."""


@contextmanager
def quiet() -> Iterator[None]:
    """Both bring a bar of their own, which complains in a notebook that has no widgets; nobody asked for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")
        yield
