"""`atipico learn all -f data/payments/learn.toml`: get data, check them, train, judge and register a model."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from atipico.learn.compare import Compared
    from atipico.learn.progress import Step
    from atipico.learn.stages import Learning

STAGES = ("get", "validate", "features", "train", "evaluate", "register")

app = typer.Typer(help="Learn a model from recorded samples and their labels.", no_args_is_help=True)

File = Annotated[
    Path,
    typer.Option("-f", "--file", metavar="FILE.toml", exists=True, dir_okay=False, help="What is learnt, and how."),
]
Data = Annotated[str | None, typer.Option(metavar="FILE", help="A CSV or Parquet file; the one FILE.toml names.")]
From = Annotated[
    datetime | None,
    typer.Option(
        "--train-from", formats=["%Y-%m-%d"], metavar="DAY", help="The first day that trains; FILE.toml's unless given."
    ),
]
To = Annotated[
    datetime | None,
    typer.Option(
        "--train-to",
        formats=["%Y-%m-%d"],
        metavar="DAY",
        help="The last day that trains, itself too; FILE.toml's, else the last that leaves days to judge on.",
    ),
]
Runs = Annotated[Path | None, typer.Option(file_okay=False, help="The folder of runs; runs/ unless given.")]
Models = Annotated[Path | None, typer.Option(file_okay=False, help="The folder of models; models/ unless given.")]
RunName = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Which run; the newest unless given.")]


Force = Annotated[bool, typer.Option("--force", help="Also when nothing that it reads has changed.")]
Track = Annotated[bool, typer.Option("--track", help="Tell the run to MLflow too; see docs/learn.md.")]


@app.command("get")
def get(file: File, force: Force = False) -> None:
    """Get the data, as FILE.toml says: simulated, a file, over HTTP, from OpenML.

    The only stage that asks the network.
    """
    with _learning(file, force=["get"] * force) as learning:
        print(learning.get())


@app.command("validate")
def validate(file: File, data: Data = None, runs: Runs = None, force: Force = False) -> None:
    """Hold the data to what FILE.toml's suite expects of them.

    Writes a page that shows it. Exit code 1 where they are not so.
    """
    from atipico.errors import Refused

    with _learning(file, data, runs=runs, force=["validate"] * force) as learning:
        if (page := learning.validate()) is None:
            raise Refused(f"{file} names no suite; begin one: atipico learn suggest-suite -f {file}")
        print(page)


@app.command("suggest-suite")
def suggest(
    file: File,
    data: Data = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Where to; suite.toml beside FILE.toml unless given.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also over a suite that is there.")] = False,
) -> None:
    """Write a suite that the data meet, to be read and edited by hand."""
    with _learning(file, data) as learning:
        print(learning.suggest_suite(out, force))


@app.command("features")
def features(file: File, data: Data = None, runs: Runs = None, force: Force = False) -> None:
    """Make the features of all rows, as the live job would."""
    with _learning(file, data, runs=runs, force=["features"] * force) as learning:
        print(learning.features())


@app.command("train")
def train(
    file: File,
    data: Data = None,
    since: From = None,
    to: To = None,
    runs: Runs = None,
    force: Force = False,
    track: Track = False,
) -> None:
    """Train estimators, find the threshold.

    Makes a new folder runs/<model>/<run>/ and prints where it is.
    """
    with _learning(file, data, since, to, runs, force=["train"] * force, track=track) as learning:
        print(learning.train().folder)


@app.command("tune")
def tune(file: File, data: Data = None, since: From = None, to: To = None, runs: Runs = None) -> None:
    """Search the parameters that FILE.toml lets be searched.

    Writes the best into FILE.tuned.toml beside it, and pictures; one that was stopped goes on.
    """
    with _learning(file, data, since, to, runs) as learning:
        from atipico.learn.tuned import tune as search

        print(search(learning).recipe)


@app.command("evaluate")
def evaluate(
    file: File,
    data: Data = None,
    since: From = None,
    to: To = None,
    run: RunName = None,
    runs: Runs = None,
    force: Force = False,
    track: Track = False,
) -> None:
    """Judge a run on the days after its training.

    Writes figures and pictures into its folder.
    """
    with _learning(file, data, since, to, runs, force=["evaluate"] * force, track=track) as learning:
        chosen = learning.find_run(run)
        if learning.evaluate(chosen):
            print(chosen.folder)


@app.command("register")
def register(
    file: File,
    data: Data = None,
    since: From = None,
    to: To = None,
    run: RunName = None,
    runs: Runs = None,
    models: Models = None,
    force: Force = False,
    track: Track = False,
) -> None:
    """Put a run's model into the registry.

    It becomes the model's next version, with card and golden rows.
    """
    with _learning(file, data, since, to, runs, models, ["register"] * force, track) as learning:
        print(f"registered {learning.register(learning.find_run(run)).id}")


@app.command("all")
def everything(
    file: File,
    data: Data = None,
    since: From = None,
    to: To = None,
    runs: Runs = None,
    models: Models = None,
    force: Force = False,
    track: Track = False,
) -> None:
    """Every stage: get, validate, features, train, evaluate, register.

    One is skipped when nothing that it reads has changed; get where data are given. Where the data end before the days
    to judge on, evaluation is left out with a warning.
    """
    with _learning(file, data, since, to, runs, models, list(STAGES) * force, track) as learning:
        print(f"registered {learning.all().id}")


@app.command("compare")
def compare(
    one: Annotated[str, typer.Argument(metavar="RUN", help="A run's name, MODEL/RUN, or its folder.")],
    other: Annotated[str, typer.Argument(metavar="RUN", help="Another one.")],
    runs: Runs = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Two runs side by side: settings that differ, figures and their difference."""
    from atipico.config import home
    from atipico.learn.compare import compare as compared
    from atipico.learn.compare import find

    folder = runs or home() / "runs"
    found = compared(find(folder, one), find(folder, other))
    if as_json:
        import orjson

        print(orjson.dumps(found._asdict()).decode())
        return
    _show(found)


def _show(found: Compared) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    settings = Table(
        "setting", *found.runs, box=None, header_style="bold", title="what was asked for", title_justify="left"
    )
    for name, both in found.settings.items():
        settings.add_row(name, *("-" if one is None else str(one) for one in both))
    figures = Table(box=None, title="what came of it", title_justify="left")
    figures.add_column("figure", no_wrap=True)
    for heading in (*found.runs, "difference"):
        figures.add_column(heading, justify="right")
    for name, (a, b) in found.metrics.items():
        apart = "" if a is None or b is None else f"{b - a:+.4g}"
        figures.add_row(name, *("-" if one is None else f"{one:.4g}" for one in (a, b)), apart)
    for name, same in found.same.items():
        console.print(f"{'[green]same[/]' if same else '[yellow]other[/]'} {name}")
    console.print()
    console.print(settings if found.settings else "no setting differs")
    console.print()
    console.print(figures)


@contextmanager
def _learning(
    file: Path,
    data: str | None = None,
    since: datetime | None = None,
    to: datetime | None = None,
    runs: Path | None = None,
    models: Path | None = None,
    force: Collection[str] = (),
    track: bool = False,
) -> Iterator[Learning]:
    """The stages; on a terminal with a bar while one counts. Refused where a package is missing."""
    from atipico.config import home
    from atipico.errors import Refused
    from atipico.learn.progress import unseen

    try:
        from atipico.learn.stages import Learning
    except ImportError as error:
        raise Refused(f"learning needs {error.name}, which is not installed; pip install 'atipico[learn]'") from error
    if data is not None and not Path(data).is_file():
        raise Refused(f"--data {data}: no such file")
    yield Learning(
        file,
        data,
        since.date() if since else None,
        to.date() if to else None,
        runs or home() / "runs",
        models or home() / "models",
        force,
        track,
        bar=bar if sys.stderr.isatty() else unseen,
    )


@contextmanager
def bar(what: str) -> Iterator[Step]:
    """A bar on standard error while something is counted; it begins to fill when somebody knows of how many."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=None)

        def step(more: int, total: int | None = None) -> None:
            shown.update(task, advance=more, total=total)

        yield step


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="learn")
