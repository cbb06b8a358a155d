"""Words about recorded files that several commands share: which rows, and a bar while they are worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.cli.bars import bar, looked_on

if TYPE_CHECKING:
    from atipico.engines.replay import Span, Summary

File = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A CSV or Parquet file.")]
Model = Annotated[str | None, typer.Option(help="NAME or NAME@VERSION of models/; the job's unless given.")]
Job = Annotated[
    str | None,
    typer.Option(help="Whose features, or detector: a name in jobs/ or a .toml; the model's own unless given."),
]
Data = Annotated[
    str | None,
    typer.Option("--dataset", help="A folder of data/ or a dataset.toml; the one that fits unless given."),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="The first day or time (UTC) to tell; earlier rows fill the windows."),
]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="The last day or time (UTC) to tell, itself too.")]


@contextmanager
def said_of(option: str) -> Iterator[None]:
    """What is refused within is what a person typed there: exit code 2."""
    from atipico.errors import Refused

    try:
        yield
    except Refused as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def span_of(since: str | None, until: str | None) -> Span:
    """From the first instant of one day or time to the last of the other. Raises BadParameter for no such time."""
    from atipico.engines.replay import Span

    start, stop = _ends("--from", since), _ends("--to", until)
    return Span(start and start[0], stop and stop[1])


def _ends(option: str, text: str | None) -> tuple[int, int] | None:
    """The first ns of a day or a time, and the first ns behind it."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        needed = "needed a day as 2026-01-31 or a time as 2026-01-31T10:00:00"
        raise typer.BadParameter(f"{text!r}: {needed}", param_hint=option) from error
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    start = (since // timedelta(microseconds=1)) * 1000
    return start, start + (86_400 * 10**9 if _is_day(text) else 1)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def told(done: Summary, out: Path | None) -> str:
    """A summary for people."""
    line = f"{done.rows} rows, {done.anomalous} anomalous, {done.unscored} not scored"
    line += f"  ({done.version}, job {done.job}, {done.seconds:.1f} s)"
    return f"{line}  {out}" if out else line


@contextmanager
def progress(file: Path) -> Iterator[Callable[[int], object]]:
    """A bar while the rows of a file are worked on."""
    from atipico.sources.columns import rows_of

    with bar("rows") as step:
        if looked_on():  # to count the rows of a CSV is to read it
            step(0, rows_of(file))
        yield step
