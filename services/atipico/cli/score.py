"""`atipico score FILE --model payments`: a recorded file scored on the spot."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def score(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A CSV or Parquet file.")],
    model: Annotated[str | None, typer.Option(help="NAME or NAME@VERSION of models/; the job's unless given.")] = None,
    job: Annotated[
        str | None,
        typer.Option(help="Whose features, or detector: a name in jobs/ or a .toml; the model's own unless given."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="A folder of data/ or a dataset.toml; the one that fits unless given.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A .csv or .parquet; CSV on standard output unless given.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from", metavar="TIME", help="Tell rows from this time on (UTC); earlier ones fill the windows."
        ),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", metavar="TIME", help="Tell rows before this time (UTC).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for programs; needs --out.")] = False,
) -> None:
    """Score a CSV or Parquet file; needs nothing that runs."""
    if model is None and job is None:
        raise typer.BadParameter("which model? --model payments, or --job with the job's name", param_hint="--model")
    if as_json and out is None:
        raise typer.BadParameter("needs --out: standard output is the result's without it", param_hint="--json")
    from atipico.engines import score as engine
    from atipico.engines.results import Results

    chosen = engine.find_job(job, model)
    loaded = engine.model_of(chosen, model)
    span = engine.Span(_ns(since), _ns(until))
    with Results(out or sys.stdout) as results, progress(file) as step:
        done = engine.score(file, chosen, loaded, results, dataset, span, step)
    if as_json:
        import orjson

        print(orjson.dumps({**done._asdict(), "out": str(out)}).decode())
        return
    told = f"{done.rows} rows, {done.anomalous} anomalous, {done.unscored} not scored"
    told += f"  ({done.version}, job {done.job}, {done.seconds:.1f} s)"
    print(f"{told}  {out}" if out else told, file=sys.stdout if out else sys.stderr)


def _ns(time: datetime | None) -> int | None:
    if time is None:
        return None
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return int(zoned.timestamp()) * 10**9 + zoned.microsecond * 1000


@contextmanager
def progress(file: Path) -> Iterator[Callable[[int], object]]:
    """A bar on standard error while rows are worked on; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from atipico.sources.columns import rows_of

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=rows_of(file))
        yield lambda rows: bar.advance(task, rows)


def add_to(app: typer.Typer) -> None:
    app.command()(score)
