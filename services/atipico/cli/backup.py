"""`atipico backup FILE`, `atipico restore FILE`: a run folder in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The new file, such as monday.tar.gz.")],
    secrets: Annotated[bool, typer.Option("--secrets", help="The token too; keep the file as safe as that.")] = False,
) -> None:
    """Write all that a run has to one file, also while it runs.

    That is samples, scores, what jobs know, models and jobs.
    """
    from atipico.engines.backup.take import backup as take

    taken = take(file.resolve(), secrets=secrets)
    print(f"{taken.path}  {taken.files} files  {_size(taken.bytes)}, packed {_size(taken.packed)}")


def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `atipico backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Make an empty run folder what it was at a backup. `up` then goes on from there."""
    from atipico.config import run_dir
    from atipico.engines.backup.restore import restore as put_back

    restored = put_back(file.resolve(), force=force)
    print(f"{run_dir()}  {restored.files} files  {_size(restored.bytes)}, of {restored.made}")


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)
