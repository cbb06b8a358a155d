"""`atipico learn compare RUN RUN`: two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atipico.cli.learn_words import Runs, runs_in

if TYPE_CHECKING:
    from atipico.learn.compare import Compared


def compare(
    one: Annotated[str, typer.Argument(metavar="RUN", help="A run's name, MODEL/RUN, or its folder.")],
    other: Annotated[str, typer.Argument(metavar="RUN", help="Another one.")],
    runs: Runs = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show two runs side by side.

    Settings that differ, figures and their difference.
    """
    from atipico.learn.compare import compare as compared
    from atipico.learn.compare import find

    folder = runs_in(runs)
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
    settings = Table(box=None, title="what was asked for", title_justify="left")
    for heading in ("setting", *found.runs):
        settings.add_column(heading, overflow="fold")
    for name, both in found.settings.items():
        settings.add_row(name, *("-" if one is None else str(one) for one in both))
    figures = Table(box=None, title="what came of it", title_justify="left")
    figures.add_column("figure", no_wrap=True)
    for heading in (*found.runs, "difference"):
        figures.add_column(heading, justify="right", overflow="fold")
    for name, (a, b) in found.metrics.items():
        apart = "" if a is None or b is None else f"{b - a:+.4g}"
        figures.add_row(name, *("-" if one is None else f"{one:.4g}" for one in (a, b)), apart)
    for name, same in found.same.items():
        console.print(f"{'[green]same[/]' if same else '[yellow]other[/]'} {name}")
    console.print()
    console.print(settings if found.settings else "no setting differs")
    console.print()
    console.print(figures)
