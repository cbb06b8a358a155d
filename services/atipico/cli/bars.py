"""How far something is, on a terminal's standard error; what is piped stays free of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atipico.learn.progress import Step


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

    class Left(progress.ProgressColumn):
        def render(self, task: Any) -> Any:
            return Text(_left(task.elapsed, task.completed, task.total))

    words, share, since = progress.TextColumn("  {task.description}"), progress.TaskProgressColumn(), Left()
    columns = (words, progress.BarColumn(), share, progress.TimeElapsedColumn(), since)
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(what, total=None)
        yield lambda more, total=None: drawn.update(task, advance=more, total=total)


def _left(seconds: float, done: float, total: float | None) -> str:
    """How long it will still take at the pace of all so far: it grows while nothing moves."""
    return f"{timedelta(seconds=round(seconds * (total / done - 1)))} left" if total and done else ""
