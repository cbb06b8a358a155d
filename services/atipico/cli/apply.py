"""`atipico plan -f job.toml`, `atipico apply -f job.toml`, `atipico delete NAME`: jobs on the real servers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.errors import Refused

if TYPE_CHECKING:
    from atipico.engines.kapacitor.plan import Change

File = Annotated[
    Path,
    typer.Option("--file", "-f", help='A job file with engine = "kapacitor", or a folder of them.', show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def add_to(app: typer.Typer) -> None:
    for command in (plan, apply, delete):
        app.command()(command)


def plan(file: File, as_json: AsJson = False) -> None:
    """Tell what `apply` would change on InfluxDB and Kapacitor. It changes nothing."""
    from atipico.engines.kapacitor.engine import Engine, files_in

    engine = Engine()
    _show([change for one in files_in(file) for change in engine.plan(one)], as_json)


def apply(
    file: File,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also what somebody changed by hand.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have a job run on InfluxDB and Kapacitor as its file says.

    What it finds as it should be stays; a task that died is begun anew.
    """
    from atipico.engines.kapacitor.engine import Engine, files_in

    engine, done = Engine(), []
    for one in files_in(file):
        changes = engine.plan(one)
        if not overwrite and (foreign := [change.what for change in changes if change.by_hand]):
            raise Refused(f"{'; '.join(foreign)}: see it with `atipico plan -f {one}`, then apply with --overwrite")
        for change in changes:
            change.do()
        done += changes
    _show(done, as_json)


def delete(name: Annotated[str, typer.Argument(metavar="JOB", help="Its name.")], as_json: AsJson = False) -> None:
    """Take a job off Kapacitor. Its samples, its outcomes and its file stay."""
    from atipico.engines.kapacitor.engine import Engine

    changes = Engine().removals(name)
    if not changes:
        raise Refused(f"job {name} does not run on Kapacitor; nothing to delete")
    for change in changes:
        change.do()
    _show(changes, as_json)


def _show(changes: Sequence[Change], as_json: bool) -> None:
    if as_json:
        print(json.dumps([{"sign": one.sign, "what": one.what, "lines": one.lines} for one in changes]))
        return
    for change in changes:
        print(change.sign, change.what)
        for line in change.lines:
            print("     ", line)
    if all(change.sign == "!" for change in changes):
        print("all is as the job file says")
