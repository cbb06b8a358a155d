"""`atipico model make payments`, `atipico model list`, `atipico model reload`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Models: make, list, serve the newest.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="payments or machine.")],
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="The folder of models; models/ unless given.")
    ] = None,
) -> None:
    """Make the next version of a reference model."""
    from atipico.learn.extra import needed

    with needed("making models"):
        from atipico.learn.reference import make as make_reference

    model = make_reference(name, out)
    print(f"{model.id}  {len(model.columns)} columns  threshold {model.threshold:g}")


@app.command("list")
def list_models(
    models: Annotated[
        Path | None, typer.Option(file_okay=False, help="The folder of models; models/ unless given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every model and version.

    One that does not give its golden scores here and now is told too, with the reason.
    """
    import orjson

    from atipico.config import home
    from atipico.registry.shelf import open_shelf

    shelf = open_shelf(models or home() / "models")
    rows = [
        {"id": model.id, "kind": model.manifest.kind, "columns": len(model.columns), "threshold": model.threshold}
        for _, model in sorted(shelf.models.items())
    ]
    if as_json:
        print(orjson.dumps({"models": rows, "refused": shelf.refused}).decode())
        return
    for row in rows:
        print(f"{row['id']:<20} {row['kind']:<14} {row['columns']:>3} columns  threshold {row['threshold']:g}")
    for model, why in shelf.refused.items():
        print(f"{model:<20} refused: {why}")


@app.command()
def reload() -> None:
    """Have the running classifier serve the newest versions.

    No sample waits for it.
    """
    from atipico.engines.embedded import whereabouts
    from atipico.engines.embedded.reload import reload as read_again

    whereabouts.find()
    for name, served in sorted(read_again().items()):
        if served.before == served.now:
            print(f"{name:<20} {served.now} as before")
        else:
            print(f"{name:<20} {served.now} is live{f', was {served.before}' if served.before else ''}")


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="model")
