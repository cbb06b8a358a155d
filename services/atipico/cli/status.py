"""`atipico status`: what every part is doing."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

_COLOURS = {"up": "green", "starting": "yellow", "backoff": "red", "silent": "red", "stopped": "dim"}
_WIDE = 105  # columns that all of it takes; addresses are left out of less


def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show every part: its process, state, lag, counts and memory."""
    from atipico.engines.embedded.status import alerts, rows

    table, lasting = rows(), alerts()
    if as_json:
        print(json.dumps({"parts": table, "alerts": lasting}, indent=2))
        return
    _draw(table)
    if lasting:
        print("alerts that last: " + ", ".join(f"{job} {count}" for job, count in sorted(lasting.items())))


def _draw(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    wide = console.width >= _WIDE
    table = Table(box=None, padding=(0, 2 if wide else 1, 0, 0))
    table.add_column("part", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for word in ("pid", "restarts", "up", "in", "out", "lost", "lag", "memory"):
        table.add_column(word, justify="right", no_wrap=True)
    if wide:
        table.add_column("address", overflow="fold")
    for row in rows:
        colour = _COLOURS.get(row["state"], "")
        table.add_row(
            row["name"],
            f"[{colour}]{row['state']}[/]" if colour else row["state"],
            _text(row["pid"]),
            _text(row["restarts"]),
            _duration(row["up_s"]),
            _count(row["samples_in"]),
            _count(row["samples_out"]),
            _text(row["lost"]),
            _duration(row["lag_s"]),
            _text(row["memory_bytes"] and row["memory_bytes"] / 2**20, "{:.0f} MiB"),
            *([row["url"]] if wide else []),
        )
    console.print(table)


def _text(value: float | None, form: str = "{}") -> str:
    return "" if value is None else form.format(value)


def _count(value: int | None) -> str:
    """At most six characters: 9999, 25.7k, 1.2M."""
    if value is None or value < 10_000:
        return _text(value)
    return f"{value / 1e3:.1f}k" if value < 999_950 else f"{value / 1e6:.1f}M"


def _duration(seconds: float | None) -> str:
    """At most six characters: 44 ms, 1.5 s, 101 s, 45 min, 30 h."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    for unit, size, most in (("s", 1, 300), ("min", 60, 300 * 60), ("h", 3600, 100 * 3600), ("d", 86400, 1e12)):
        if seconds < most:
            return f"{seconds / size:.1f} {unit}" if seconds < 10 else f"{seconds / size:.0f} {unit}"
    raise AssertionError("the last unit takes all")


def add_to(app: typer.Typer) -> None:
    app.command()(status)
