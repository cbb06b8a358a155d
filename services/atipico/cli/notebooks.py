"""`atipico notebooks pdf`: the course, run from its text, as PDF."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The notebooks of the course.", no_args_is_help=True)


@app.callback()
def _a_noun() -> None:
    """Keeps `pdf` a verb of its own while it is the only one."""


@app.command()
def pdf(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Such as 01-look, or 01; all unless given.")
    ] = None,
    out: Annotated[Path | None, typer.Option(file_okay=False, help="The folder; notebooks/pdf unless given.")] = None,
    small: Annotated[bool, typer.Option("--small", help="On little data: quick, and the figures say little.")] = False,
) -> None:
    """Run notebooks and write them with what they show.

    Those that look at a running stack are left out where there is none. Exit 1 when one fails; the others are written.
    """
    from atipico.config import home
    from atipico.errors import AtipicoError, Refused
    from atipico.lab.export import execute, find, needs_stack, to_pdf

    folder, failed, up = home() / "notebooks", [], _is_up()
    target = out or folder / "pdf"
    for notebook in find(folder, names or []):
        if needs_stack(notebook) and not up:
            print(f"{notebook.stem}: left out, it looks at a running stack; ./up.sh starts one", file=sys.stderr)
            continue
        print(f"{notebook.stem}: runs", file=sys.stderr)
        try:
            to_pdf(execute(notebook, {"ATIPICO_COURSE": "small"} if small else {}), target / f"{notebook.stem}.pdf")
        except AtipicoError as error:
            print(error, file=sys.stderr)
            failed.append(notebook.stem)
            continue
        print(target / f"{notebook.stem}.pdf")
    if failed:
        raise Refused(f"not written: {', '.join(failed)}")


def _is_up() -> bool:
    """Whether a store runs here, or one elsewhere is named."""
    from atipico.config import run_dir
    from atipico.engines.embedded import whereabouts
    from atipico.engines.embedded.processes import running
    from atipico.store_access import elsewhere

    whereabouts.find()  # for the notebooks too
    return bool(elsewhere()) or "store" in running(run_dir())


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="notebooks")
