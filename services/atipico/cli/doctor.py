"""`atipico doctor`: is everything as it must be, and if not, what to do."""

from __future__ import annotations

from typing import Annotated

import typer

_MARKS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "fault": "[red]✗[/]"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Find what is wrong, and its cure; one sample goes round.

    Exit 1 when a fault is found; warnings are none.
    """
    from atipico.engines.doctor import examine
    from atipico.engines.embedded import whereabouts

    whereabouts.find()
    found = []
    if as_json:
        import orjson

        found = list(examine())
        well = all(finding.state != "fault" for finding in found)
        print(orjson.dumps({"ok": well, "findings": [finding._asdict() for finding in found]}).decode())
    else:
        from rich.console import Console
        from rich.markup import escape

        console = Console(highlight=False, soft_wrap=True)
        for finding in examine():
            found.append(finding)
            console.print(f"{_MARKS[finding.state]} {finding.name:<16}{escape(finding.told)}")
            if finding.cure:
                console.print(f"  {'':<16}→ {escape(finding.cure)}")
    if any(finding.state == "fault" for finding in found):
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)
