"""`atipico store`, `atipico agent`, ...: one part alone, in the foreground, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from atipico.errors import Refused

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="The TCP port to listen on.")]
Host = Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 unless told.")]
PARTS = "Parts, alone in the foreground"


def store(
    port: Port = None,
    host: Host = None,
    data: Annotated[Path | None, typer.Option(file_okay=False, help="The folder that keeps the samples.")] = None,
) -> None:
    """Keep samples and scores; speaks InfluxDB 1.x over HTTP."""
    from atipico.store.app import run

    run(port=port, host=host, data=data)


def classifier(
    port: Port = None,
    host: Host = None,
    models: Annotated[Path | None, typer.Option(file_okay=False, help="The folder with the models.")] = None,
) -> None:
    """Give rows of features a score over HTTP."""
    from atipico.classifier.app import run

    run(port=port, host=host, models=models)


def agent(
    socket: Annotated[str | None, typer.Option(metavar="PATH", help="The Unix socket to listen on.")] = None,
    scorer: Annotated[
        str | None, typer.Option(help='Work alone, without jobs and classifier: a scorer of the shelf, such as "sum".')
    ] = None,
) -> None:
    """Make features of samples and answer their scores.

    Samples come over a Unix socket, in Kapacitor's UDF protocol.
    """
    from atipico.agent.app import run

    run(socket=socket, scorer=scorer)


def host() -> None:
    """Carry samples from store to agent, and outcomes back."""
    from atipico.stream.app import run

    run()


def sweeper() -> None:
    """See to it on real servers that every sample has its outcome."""
    from atipico.engines.sweeper.app import run

    run()


def generator(
    source: Annotated[str | None, typer.Argument(help="Only this source: payments, machine, series or file.")] = None,
    config: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="What to stream.")] = None,
    measurement: Annotated[str | None, typer.Option(help="What SOURCE is written to.")] = None,
    rate: Annotated[float | None, typer.Option(help="Samples a second of SOURCE.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="So many times as fast as the clock of SOURCE; inf: as it can.")
    ] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="What the source file reads.")] = None,
) -> None:
    """Write live samples to the store."""
    from atipico.generator.app import run

    run(config=config, source=source, measurement=measurement, rate=rate, speed=speed, file=file)


def page(port: Port = None, host: Host = None) -> None:
    """Show streams, scores and the health of the parts in a browser."""
    from atipico.page.app import run

    run(port=port, host=host)


def lab(port: Port = None) -> None:
    """JupyterLab on the notebooks, with the package at hand. Loopback only."""
    from atipico.lab.app import run

    run(port=port)


def supervisor(
    guard: Annotated[int | None, typer.Option(help="The process that starts this one again.")] = None,
) -> None:
    """Keep the parts of the run folder running (`atipico up` starts this)."""
    from atipico.engines.embedded.app import run
    from atipico.engines.embedded.guard import REFUSED

    try:
        run(guard=guard)
    except Refused as error:
        print(error, file=sys.stderr)
        raise typer.Exit(REFUSED) from error  # the guard need not try again


def collecting_rarely(part: Callable[..., None]) -> Callable[..., None]:
    """A part makes samples by the thousand and cycles by the dozen: looking for cycles less often saves a tenth."""

    @functools.wraps(part)
    def run(**options: Any) -> None:
        gc.set_threshold(50_000, 20, 20)
        part(**options)

    return run


def add_to(app: typer.Typer) -> None:
    for part in (store, classifier, agent, host, sweeper, generator, page):
        app.command(rich_help_panel=PARTS)(collecting_rarely(part))
    app.command(rich_help_panel=PARTS)(lab)
    app.command(hidden=True)(supervisor)
