"""`atipico status`: what every part is doing."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

_COLOURS = {"up": "green", "starting": "yellow", "backoff": "red", "silent": "red", "stopped": "dim"}


def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show every part: its process, state, lag, counts and memory."""
    from atipico.engines.embedded.status import rows

    table = rows()
    if as_json:
        print(json.dumps({"parts": table}, indent=2))
    else:
        _draw(table)


def _draw(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    table.add_column("part", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for word in ("pid", "restarts", "up", "in", "out", "lost", "lag", "memory"):
        table.add_column(word, justify="right", no_wrap=True)
    table.add_column("address", overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row["state"], "")
        table.add_row(
            row["name"],
            f"[{colour}]{row['state']}[/]",
            _text(row["pid"]),
            _text(row["restarts"]),
            _text(row["up_s"], "{:.0f} s"),
            _text(row["samples_in"]),
            _text(row["samples_out"]),
            _text(row["lost"]),
            _text(row["lag_s"], "{:.3f} s"),
            _text(row["memory_bytes"] and row["memory_bytes"] / 2**20, "{:.0f} MiB"),
            row["url"],
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _text(value: float | None, form: str = "{}") -> str:
    return "" if value is None else form.format(value)


def add_to(app: typer.Typer) -> None:
    app.command()(status)
