"""`atipico replay FILE --model NAME@VERSION --out scores.parquet`: a recorded file through the chain's own code."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.cli.recorded import Data, File, From, Job, Model, To, progress, said_of, span_of, told

if TYPE_CHECKING:
    from atipico.engines.expected import Difference, Expected
    from atipico.engines.replay import Summary


LabelDelay = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION", help="How long after its sample a label is known, such as 7d; the data set's own."
    ),
]
Out = Annotated[Path | None, typer.Option(dir_okay=False, help="A .parquet or .csv: a row a sample.")]
Expect = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        metavar="FILE.csv",
        help="Columns id and flagged (true or false): ends with 1 and names the ids that differ.",
    ),
]
Begin = Annotated[
    Path | None,
    typer.Option(
        "--from-checkpoint",
        exists=True,
        dir_okay=False,
        metavar="FILE",
        help="Go on behind the rows that were told before it was kept.",
    ),
]
Keep = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint-to",
        dir_okay=False,
        metavar="FILE",
        help="Keep what is remembered behind the last row told, to go on later.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="The summary for programs.")]


def replay(
    file: File,
    model: Model = None,
    job: Job = None,
    dataset: Data = None,
    since: From = None,
    until: To = None,
    label_delay: LabelDelay = None,
    out: Out = None,
    expect: Expect = None,
    begin: Begin = None,
    keep: Keep = None,
    as_json: AsJson = False,
) -> None:
    """Replay a recorded file as if it were live, labels when due."""
    if model is None and job is None:
        raise typer.BadParameter("which model? --model payments, or --job with the job's name", param_hint="--model")
    if out is None and expect is None and keep is None:
        raise typer.BadParameter("where to? --out scores.parquet, or --expect with what must be flagged")
    span = span_of(since, until)
    from atipico.config import nanoseconds
    from atipico.engines import replay as engine
    from atipico.engines.choose import find_job, model_of
    from atipico.engines.expected import Expected
    from atipico.engines.replay_point import Point
    from atipico.engines.results import Results
    from atipico.sources.file import File as Source

    with said_of("--expect"):
        expected = Expected(expect) if expect else None
    with said_of("--label-delay"):
        delay = nanoseconds(label_delay) if label_delay is not None else None
    chosen = find_job(job, model)
    loaded = model_of(chosen, model)
    source = Source(str(file), dataset)
    point = Point.load(begin) if begin else None
    outs: list[engine.Out] = [expected] if expected else []
    with ExitStack() as stack:
        if out:
            outs.append(stack.enter_context(Results(out, source.id_column or "row")))
        step = stack.enter_context(progress(file))
        kept = keep is not None
        done, end = engine.replay(source, chosen, loaded, outs, span, delay, begin=point, keep=kept, step=step)
    if keep and end:  # behind what it tells, which now is safe
        end.save(keep)
    differ = expected.differ() if expected else []
    _tell(done, out, expected, differ, as_json)
    if differ:
        raise typer.Exit(1)


def _tell(done: Summary, out: Path | None, expected: Expected | None, differ: list[Difference], as_json: bool) -> None:
    if as_json:
        import orjson

        about = {"out": str(out) if out else None, "expected": len(expected.flagged) if expected else None}
        differing = [{"id": one.id, "flagged": one.flagged, "found": str(one)} for one in differ]
        print(orjson.dumps({**done._asdict(), **about, "differ": differing}).decode())
        return
    print(told(done, out), file=sys.stderr if expected else sys.stdout)
    for one in differ:
        print(one)
    if expected:
        print(f"{len(expected.flagged) - len(differ)} of {len(expected.flagged)} are as expected")


def add_to(app: typer.Typer) -> None:
    app.command()(replay)
