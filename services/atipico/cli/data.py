"""`atipico data make payments --days 180`: a simulated world as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from atipico.cli.bars import bar

app = typer.Typer(help="Data: make simulated ones.", no_args_is_help=True)
WORLDS = ("payments",)


@app.callback()
def _a_noun() -> None:
    """Keeps `make` a verb of its own while it is the only one."""


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="payments.")],
    days: Annotated[int, typer.Option(min=1, help="How many.")] = 180,
    customers: Annotated[int, typer.Option(min=1, help="How many; each has one card.")] = 4000,
    terminals: Annotated[
        int | None, typer.Option(min=1, help="How many; half as many as customers unless given.")
    ] = None,
    per_day: Annotated[
        float | None, typer.Option(help="Payments a day on average; 2.4 a customer unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another one is another world.")] = 1,
    since: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DATE", show_default="2026-01-01", help="The first day."),
    ] = datetime(2026, 1, 1),
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A .parquet or .csv; NAME.parquet here unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Write days of a simulated world to a file.

    Each row with the truth about it; docs/simulator.md tells what the world is like.
    """
    from atipico.errors import Refused, nearest
    from atipico.sources.payments_file import make_file
    from atipico.sources.payments_world import START

    if name not in WORLDS:
        raise Refused(f"no simulated data {name!r}{nearest(name, WORLDS)}")
    out = out or Path(f"{name}.parquet")
    first_day = (since - datetime.fromtimestamp(START // 10**9, UTC).replace(tzinfo=None)).days
    with bar("days") as step:
        step(0, days)
        made = make_file(out, days, seed, customers, terminals, per_day, first_day, step)
    if as_json:
        import orjson

        print(orjson.dumps({**made._asdict(), "out": str(out)}).decode())
        return
    kinds = ", ".join(f"{kind} {many}" for kind, many in made.frauds.items())
    speed = f"{made.rows / made.cpu_seconds:.0f} rows/s of one core"
    print(f"{made.rows} rows, {sum(made.frauds.values())} frauds ({kinds})  {speed}  {out}")


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="data")
