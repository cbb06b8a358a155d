"""`atipico learn all -f data/transactions/learn.toml --data FILE`: train, judge and register a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from atipico.learn.stages import Learning

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


@app.command("train")
def train(file: File, data: Data = None, since: From = None, to: To = None, runs: Runs = None) -> None:
    """Train estimators, find the threshold.

    Makes a new folder runs/<model>/<run>/ and prints where it is.
    """
    with _learning(file, data, since, to, runs) as learning:
        print(learning.train().folder)


@app.command("evaluate")
def evaluate(
    file: File, data: Data = None, since: From = None, to: To = None, run: RunName = None, runs: Runs = None
) -> None:
    """Judge a run on the days after its training.

    Writes figures and pictures into its folder.
    """
    with _learning(file, data, since, to, runs) as learning:
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
) -> None:
    """Put a run's model into the registry.

    It becomes the model's next version, with card and golden rows.
    """
    with _learning(file, data, since, to, runs, models) as learning:
        print(f"registered {learning.register(learning.find_run(run)).id}")


@app.command("all")
def everything(
    file: File, data: Data = None, since: From = None, to: To = None, runs: Runs = None, models: Models = None
) -> None:
    """Train, evaluate, register.

    Where the data end before the days to judge on, evaluation is left out with a warning.
    """
    with _learning(file, data, since, to, runs, models) as learning:
        print(f"registered {learning.all().id}")


@contextmanager
def _learning(
    file: Path,
    data: str | None,
    since: datetime | None,
    to: datetime | None,
    runs: Path | None,
    models: Path | None = None,
) -> Iterator[Learning]:
    """The stages; on a terminal with a count of rows while features are made. Refused where a package is missing."""
    from atipico.config import home
    from atipico.errors import Refused

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
        step=_count() if sys.stderr.isatty() else lambda rows: None,
    )


def _count() -> Callable[[int], object]:
    """Tells how many rows are done, in one line of a terminal."""
    done = 0

    def step(rows: int) -> None:
        nonlocal done
        done += rows
        print(f"{done} rows", end="\r", file=sys.stderr, flush=True)

    return step


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="learn")
