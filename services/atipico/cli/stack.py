"""`atipico up` and `atipico down`: the whole stack of a run folder."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.errors import AtipicoError

if TYPE_CHECKING:
    from atipico.engines.compose.docker import Project


def up(
    where: Annotated[
        str, typer.Argument(metavar="docker", help="docker: in containers, on InfluxDB, Kapacitor and Grafana.")
    ] = "",
    data: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Stream this CSV or Parquet file too.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Samples a second, of the file or else of payments.")
    ] = None,
    lab: Annotated[bool, typer.Option("--lab", help="JupyterLab on the notebooks too.")] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and stop everything on Ctrl-C.")] = False,
    only: Annotated[str, typer.Option(help="With docker: these services alone, such as influxdb,grafana.")] = "",
) -> None:
    """Start everything and return when the first score is visible."""
    if where:
        _up_docker(where, only, {"--data": data, "--rate": rate, "--lab": lab, "--foreground": foreground})
        return
    if only:
        raise typer.BadParameter("is for containers: atipico up docker --only ...", param_hint="--only")
    from atipico.engines.embedded.down import down
    from atipico.engines.embedded.up import up, wait_for_end

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing stays half-started
    with Steps() as steps:
        addresses = up(data.resolve() if data else None, rate, steps.begin, lab)
    for part, address in addresses.items():
        print(f"{part:<12}{address}")
    store = addresses["store"]
    query = """--data-urlencode db=atipico --data-urlencode 'q=SELECT * FROM "scores" ORDER BY time DESC LIMIT 5'"""
    print(f"\nscores      curl -G {store}/query {query}")
    if lab:
        from atipico.lab.door import address as of_notebook

        print(f"notebook    {of_notebook()}")
    print("parts       .venv/bin/atipico status")
    if not foreground:
        print("stop        ./down.sh")
        return
    print("stop        Ctrl-C")
    try:
        with contextlib.suppress(KeyboardInterrupt):
            wait_for_end()
    finally:
        down()


def _up_docker(where: str, only: str, others: dict[str, object]) -> None:
    if where != "docker":
        raise typer.BadParameter(f"{where!r}: docker, or nothing", param_hint="[docker]")
    for option, value in others.items():
        if value:
            told = "what is streamed stands in compose/generator.toml, JupyterLab is always there"
            raise typer.BadParameter(f"is not for containers: {told}", param_hint=option)
    from atipico.engines.compose.up import up as up_docker

    with Steps() as steps:
        addresses = up_docker([name.strip() for name in only.split(",") if name.strip()], steps.begin)
    for service, url, who in addresses:
        print(f"{service:<12}{url:<26}{who}".rstrip())
    print("\npasswords   compose/.env\nmore        docs/real-stack.md\nstop        ./down.sh")


def down(
    purge: Annotated[bool, typer.Option("--purge", help="Remove all samples, scores and logs as well.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before removing.")] = False,
) -> None:
    """Stop everything, processes and containers."""
    from atipico.config import run_dir
    from atipico.engines.compose import down as compose
    from atipico.engines.embedded import down as engine

    ended, project, containers = engine.down(), _project(), []
    if project is not None:
        containers = compose.down(project)
    names = [*ended.names, *(f"{name} (container)" for name in containers)]
    print(f"stopped {', '.join(names)}" if names else "nothing was running")
    for part, left in ended.left.items():
        if left is None:
            print(f"{part:<12}ended without a word; its next start goes on from what is on disk")
        for what, much in (left or {}).items():
            if much:
                print(f"{part:<12}left {much} {what}")
    if purge:
        folder = run_dir()
        what = f"{folder} with all samples, scores and logs"
        what += f", and the volumes of {project.name} with all that InfluxDB and Grafana keep" if project else ""
        if not yes:
            typer.confirm(f"remove {what}?", abort=True, err=True)
        engine.purge()
        if project is not None:
            compose.purge(project)
        print(f"removed {what}")


def _project() -> Project | None:
    """What runs in containers; when Docker does not say, that is told and the rest is stopped all the same."""
    from atipico.engines.compose import down as compose

    try:
        return compose.project()
    except AtipicoError as error:
        print(f"containers were not looked at: {error}", file=sys.stderr)
        return None


class Steps:
    """Shows each step on standard error: a line when it is done, with the seconds that it took."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("")
        self._step, self._since = "", 0.0

    def begin(self, step: str) -> None:
        """The step before is done, this one begins."""
        self._done("[green]✓[/]")
        self._step, self._since = step, time.monotonic()
        self._status.update(step)

    def _done(self, mark: str) -> None:
        if self._step:
            self._console.print(f"{mark} {self._step} [dim]{time.monotonic() - self._since:.1f} s[/]")

    def __enter__(self) -> Steps:
        self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._status.stop()
        self._done("[red]✗[/]" if error else "[green]✓[/]")


def add_to(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
