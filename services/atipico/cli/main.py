"""The command `atipico`: the words it knows, and what becomes of an error.

Results go to standard output, talk to standard error. Exit 0: done, 1: could not, 2: wrong words.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from atipico.cli import (
    apply,
    backup,
    data,
    doctor,
    evaluate,
    explain,
    grafana,
    label,
    learn,
    logs,
    model,
    new,
    notebooks,
    parts,
    replay,
    sagemaker,
    score,
    stack,
    status,
)
from atipico.errors import AtipicoError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from atipico import __version__

        print(f"atipico {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    part_of: Annotated[Path | None, typer.Option(hidden=True)] = None,
    made_of: Annotated[str, typer.Option(hidden=True)] = "",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Which one it is.")
    ] = False,
) -> None:
    """Real-time anomaly detection on live streams, as a stack of small services."""
    # How the supervisor starts a part, finds it again in the process table, and sees whether it is still what it was.
    if part_of is not None:
        os.environ["ATIPICO_RUN"] = str(part_of)


_STACK, _JOBS = (stack, status, logs, doctor), (apply, score, replay, explain, label, evaluate)
_MAKING = (grafana, data, learn, model, notebooks, new, backup)
for noun in (*_STACK, *_JOBS, *_MAKING, sagemaker, parts):
    noun.add_to(app)


def main() -> None:
    """Run the command line; an error meant for a person is one sentence and exit code 1."""
    try:
        app()
    except AtipicoError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
