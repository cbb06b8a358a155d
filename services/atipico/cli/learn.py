"""`atipico learn all -f data/payments/learn.toml`: get data, check them, train, judge and register a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.cli.compare import compare
from atipico.cli.learn_words import Data, File, Force, From, Models, RunName, Runs, To, Track, learning, prepared

if TYPE_CHECKING:
    from atipico.registry.models import Model

STAGES = ("get", "validate", "features", "train", "evaluate", "register")

app = typer.Typer(help="Learn a model from recorded samples and their labels.", no_args_is_help=True)


@app.command()
def get(file: File, force: Force = False) -> None:
    """Make or fetch the data, as FILE.toml says.

    They are simulated, a file of this machine, over HTTP or from OpenML. The only stage that asks the network.
    """
    print(prepared(file, force=["get"] * force).get())


@app.command()
def validate(file: File, data: Data = None, runs: Runs = None, force: Force = False) -> None:
    """Hold the data to what FILE.toml's suite expects of them.

    Writes a page that shows it. Exit code 1 where they are not so.
    """
    from atipico.errors import Refused

    page = prepared(file, data, runs, ["validate"] * force).validate()
    if page is None:
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
    """Write a suite that the data meet.

    A beginning, to be read and edited by hand.
    """
    print(prepared(file, data).suggest_suite(out, force))


@app.command()
def features(file: File, data: Data = None, runs: Runs = None, force: Force = False) -> None:
    """Make the features of all rows, as the live job would."""
    print(prepared(file, data, runs, ["features"] * force).features())


@app.command()
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
    print(learning(file, data, since, to, runs, force=["train"] * force, track=track).train().folder)


@app.command()
def tune(file: File, data: Data = None, since: From = None, to: To = None, runs: Runs = None) -> None:
    """Search the parameters that FILE.toml lets be searched.

    Writes the best into FILE.tuned.toml beside it, and pictures; one that was stopped goes on.
    """
    stages = learning(file, data, since, to, runs)
    from atipico.learn.tuned import tune as search

    print(search(stages).recipe)


@app.command()
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
    stages = learning(file, data, since, to, runs, force=["evaluate"] * force, track=track)
    chosen = stages.find_run(run)
    if stages.evaluate(chosen):
        print(chosen.folder)


@app.command()
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
    stages = learning(file, data, since, to, runs, models, ["register"] * force, track)
    _tell(stages.register(stages.find_run(run)))


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
    """Do all stages: from the data to a registered model.

    They are get, validate, features, train, evaluate, register. One is skipped when nothing that it reads has changed;
    get where data are given. Where the data end before the days to judge on, evaluation is left out with a warning.
    """
    _tell(learning(file, data, since, to, runs, models, list(STAGES) * force, track).all())


def _tell(model: Model) -> None:
    print(f"registered {model.id}")
    print("have it served: atipico model reload, or ./up.sh where nothing runs", file=sys.stderr)


app.command()(compare)


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="learn")
