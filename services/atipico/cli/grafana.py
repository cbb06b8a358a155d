"""`atipico grafana push URL`: our dashboards in a Grafana that is there; `write DIR`: as files for provisioning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atipico.errors import Refused

app = typer.Typer(help="Dashboards for Grafana.", no_args_is_help=True)


@app.command()
def push(
    url: Annotated[str, typer.Argument(metavar="URL", help="Grafana, such as http://127.0.0.1:3000.")],
    user: Annotated[str, typer.Option(help="An admin.")] = "",
    password: Annotated[
        str, typer.Option(envvar="ATIPICO_GRAFANA_PASSWORD", show_envvar=True, help="Of that user.")
    ] = "",
    token: Annotated[
        str, typer.Option(envvar="ATIPICO_GRAFANA_TOKEN", show_envvar=True, help="Instead of user and password.")
    ] = "",
    influx: Annotated[str, typer.Option(help="Where Grafana finds the store.")] = "http://127.0.0.1:8086",
    database: Annotated[str, typer.Option(help="The database of samples and scores.")] = "atipico",
) -> None:
    """Put the dashboards into a Grafana, over older ones. The data source Atipico is made unless it is there."""
    from atipico.engines.grafana.push import push as push_to
    from atipico.store_access import store_access

    if bool(user) == bool(token):
        raise Refused("who asks? give --user and --password, or --token alone")
    for address in push_to(url, token or (user, password), influx, database, store_access().login):
        print(address)


@app.command()
def write(folder: Annotated[Path, typer.Argument(metavar="DIR", exists=True, file_okay=False)]) -> None:
    """Write the dashboards as files, for provisioning."""
    from atipico.engines.grafana.files import write as write_to

    for path in write_to(folder):
        print(path)


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="grafana")
