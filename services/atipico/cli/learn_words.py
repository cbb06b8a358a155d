"""Words that the commands of `atipico learn` share, and the stages that they speak of."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atipico.cli.bars import bar

if TYPE_CHECKING:
    from atipico.learn.prepared import Prepared
    from atipico.learn.stages import Learning


def _day(name: str, what: str) -> Any:
    return typer.Option(name, formats=["%Y-%m-%d"], metavar="DAY", help=what)


File = Annotated[
    Path,
    typer.Option("-f", "--file", metavar="FILE.toml", exists=True, dir_okay=False, help="What is learnt, and how."),
]
Data = Annotated[str | None, typer.Option(metavar="FILE", help="A CSV or Parquet file; the one FILE.toml names.")]
From = Annotated[datetime | None, _day("--train-from", "The first day that trains; FILE.toml's unless given.")]
To = Annotated[
    datetime | None,
    _day(
        "--train-to", "The last day that trains, itself too; FILE.toml's, else the last that leaves days to judge on."
    ),
]
Runs = Annotated[Path | None, typer.Option(file_okay=False, help="The folder of runs; runs/ unless given.")]
Models = Annotated[Path | None, typer.Option(file_okay=False, help="The folder of models; models/ unless given.")]
RunName = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Which run; the newest unless given.")]
Force = Annotated[bool, typer.Option("--force", help="Also when nothing that it reads has changed.")]
Track = Annotated[bool, typer.Option("--track", help="Tell the run to MLflow too; see docs/learn.md.")]


def runs_in(folder: Path | None) -> Path:
    from atipico.config import home

    return folder or home() / "runs"


def prepared(file: Path, data: str | None = None, runs: Path | None = None, force: Collection[str] = ()) -> Prepared:
    """The stages before a training, which need none of its libraries."""
    from atipico.learn.prepared import Prepared

    _seen(data)
    return Prepared(file, data, runs=runs_in(runs), force=force, bar=bar)


def learning(
    file: Path,
    data: str | None,
    since: datetime | None,
    to: datetime | None,
    runs: Path | None,
    models: Path | None = None,
    force: Collection[str] = (),
    track: bool = False,
) -> Learning:
    """All stages. Raises Refused where a package is missing."""
    from atipico.config import home
    from atipico.learn.extra import needed

    with needed("learning"):
        from atipico.learn.stages import Learning
    _seen(data)
    first, last = (day and day.date() for day in (since, to))
    return Learning(file, data, first, last, runs_in(runs), models or home() / "models", force, track, bar=bar)


def _seen(data: str | None) -> None:
    from atipico.errors import Refused

    if data is not None and not Path(data).is_file():
        raise Refused(f"--data {data}: no such file")
