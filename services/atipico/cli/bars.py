"""How far something is, on a terminal's standard error; what is piped stays free of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atipico.learn.progress import Step

_PACE = 0.05  # of all there is to do: less of it tells no pace


def looked_on() -> bool:
    return sys.stderr.isatty()


@contextmanager
def bar(what: str) -> Iterator[Step]:
    """A bar while something is done, gone behind it; it fills when somebody knows how much there is to do."""
    if not looked_on():
        yield lambda more, total=None: None
        return
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class Done(progress.ProgressColumn):
        def render(self, task: Any) -> Any:
            return Text(_done(task.completed, task.total), justify="right")

    class Left(progress.ProgressColumn):
        def render(self, task: Any) -> Any:
            return Text(_left(task.elapsed, task.completed, task.total))

    words, spent = progress.TextColumn("  {task.description}"), progress.TimeElapsedColumn()
    columns = (words, progress.BarColumn(), Done(), spent, Left())
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(what, total=None)
        yield lambda more, total=None: drawn.update(task, advance=more, total=total)


def _done(done: float, total: float | None) -> str:
    """The share of all; where nobody knows how much that is, how much is done."""
    return f"{done / total:>4.0%}" if total else f"{done:.0f}" if done else ""


def _left(seconds: float, done: float, total: float | None) -> str:
    """How long it will still take at the pace of all so far: it grows while nothing moves. Before a start no guess."""
    if not total or done < total * _PACE:
        return ""
    return f"{timedelta(seconds=round(seconds * (total / done - 1)))} left"
