"""`atipico score FILE --model payments`: a recorded file scored on the spot; a replay that asks for less."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from atipico.cli.recorded import Data, File, From, Job, Model, To, progress, span_of, told


def score(
    file: File,
    model: Model = None,
    job: Job = None,
    dataset: Data = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A .csv or .parquet; CSV on standard output unless given.")
    ] = None,
    since: From = None,
    until: To = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary for programs; needs --out.")] = False,
) -> None:
    """Score a CSV or Parquet file; needs nothing that runs."""
    if model is None and job is None:
        raise typer.BadParameter("which model? --model payments, or --job with the job's name", param_hint="--model")
    if as_json and out is None:
        raise typer.BadParameter("needs --out: standard output is the result's without it", param_hint="--json")
    span = span_of(since, until)
    from atipico.engines.choose import find_job, model_of
    from atipico.engines.replay import replay
    from atipico.engines.results import Results
    from atipico.sources.file import File as Source

    chosen = find_job(job, model)
    loaded = model_of(chosen, model)
    source = Source(str(file), dataset)
    with Results(out or sys.stdout) as results, progress(file) as step:
        done, _ = replay(source, chosen, loaded, [results], span, warn=_warn, step=step)
    if as_json:
        import orjson

        print(orjson.dumps({**done._asdict(), "out": str(out)}).decode())
        return
    print(told(done, out), file=sys.stdout if out else sys.stderr)


def _warn(wrong: str) -> None:
    print(f"warning: scored as if no label were known: {wrong}", file=sys.stderr)


def add_to(app: typer.Typer) -> None:
    app.command()(score)
