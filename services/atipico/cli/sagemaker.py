"""`atipico sagemaker train|serve`: what a container does that SageMaker runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="What a container does that SageMaker runs.", no_args_is_help=True)

Root = Annotated[Path, typer.Option(file_okay=False, help="The folder that SageMaker lays out.")]
_ROOT = Path("/opt/ml")


@app.command("train")
def train(root: Root = _ROOT) -> None:
    """Learn a model from the recording in ROOT/input/data.

    It is left in ROOT/model; why it could not be, in ROOT/output/failure.
    """
    from atipico.engines.sagemaker.folders import Folders
    from atipico.engines.sagemaker.train import train as learn

    print(f"registered {learn(Folders(root))}")


@app.command("serve")
def serve(
    root: Root = _ROOT,
    host: Annotated[
        str, typer.Option(help="The address to listen on; all of them, as SageMaker needs it.")
    ] = "0.0.0.0",  # noqa: S104
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="8080 unless given.")] = None,
) -> None:
    """Answer /ping and /invocations for the model in ROOT/model."""
    from atipico.engines.sagemaker.folders import Folders
    from atipico.engines.sagemaker.serve import run

    run(Folders(root), host, port)


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="sagemaker")
