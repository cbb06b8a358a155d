"""`atipico explain FILE --model payments --id 30000017`: each feature's exact part in a score."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.cli.recorded import Data, Job

if TYPE_CHECKING:
    import numpy as np

    from atipico.learn.explain import Explained, Explainer
    from atipico.registry.models import Model

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help='A CSV or Parquet of samples; or features as JSON, {"amount": 12.5, ...} or {"rows": [{...}]}, - to type.',
    ),
]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", help="Which sample of a CSV or Parquet: its id, or its row where it has none."),
]


def explain(
    file: File,
    model: Annotated[str, typer.Option(help="NAME or NAME@VERSION of models/.")],
    ids: Ids = None,
    job: Job = None,
    dataset: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Tell each feature's exact part in a score."""
    if str(file) != "-" and not file.is_file():
        raise typer.BadParameter(f"file {str(file)!r} does not exist", param_hint="FILE")
    recorded = file.suffix.lower() in (".csv", ".parquet")
    if recorded != bool(ids):
        wrong = "which sample? --id with its id" if recorded else "is for samples of a CSV or Parquet"
        raise typer.BadParameter(wrong, param_hint="--id")
    from atipico.config import home
    from atipico.engines.choose import find_model
    from atipico.learn.extra import needed

    found = find_model(model)
    with needed("explaining"):
        from atipico.learn.explain import Explainer
    names, rows = _recorded(file, found, ids, job, dataset) if ids else _typed(file, found)
    explainer = Explainer(home() / "models" / found.manifest.name / str(found.manifest.version))
    for name, row, told in zip(names, rows, explainer.of(rows), strict=True):
        print(_json(explainer, name, row, told) if as_json else _table(explainer, name, row, told))


def _recorded(
    file: Path, model: Model, ids: list[str], job: str | None, dataset: str | None
) -> tuple[list[str], np.ndarray]:
    """The samples of those ids in a file, as their job makes features of them."""
    from atipico.engines.choose import find_job
    from atipico.engines.explain import rows_of
    from atipico.sources.file import File as Source

    chosen, source = find_job(job, model.id), Source(str(file), dataset)

    def warn(wrong: str) -> None:
        print(f"warning: explained as if no label were known: {wrong}", file=sys.stderr)

    return rows_of(source, chosen, model, ids, warn)


def _typed(file: Path, model: Model) -> tuple[list[str], np.ndarray]:
    """Rows of features in JSON, named by their numbers."""
    import orjson

    from atipico.wire.rows_json import read_row, read_rows

    body = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    try:
        many = "rows" in orjson.loads(body)
    except (orjson.JSONDecodeError, TypeError):
        many = False  # what is wrong with it says who reads it
    rows = (read_rows if many else read_row)(body, model.columns)
    return [str(number) for number in range(len(rows))], rows


def _table(explainer: Explainer, name: str, row: np.ndarray, told: Explained) -> str:
    """For people: the largest part first, then what the columns without any are."""
    model = explainer.model
    sign = "at or above" if told.score >= model.threshold else "below"
    lines = [f"{name}  score {told.score:.4g}, {sign} the threshold {model.threshold:.4g} of {model.id}"]
    lines += [f"{told.base:+12.4g}  usual samples, on average  ({len(explainer.references)} of them; {told.unit})"]
    parts = told.largest(model.columns)
    width = max((len(column) for column, _ in parts), default=0)
    numbers = dict(zip(model.columns, zip(row.tolist(), model.typical, strict=True), strict=True))
    lines += [
        f"{part:+12.4g}  {column:<{width}}  {numbers[column][0]:.4g}  (usual {numbers[column][1]:.4g})"
        for column, part in parts
    ]
    if none := len(model.columns) - len(parts):
        lines += [f"{0:>12}  {none} other feature{'s' if none > 1 else ''}"]
    return "\n".join([*lines, f"{told.value:+12.4g}  all together"])


def _json(explainer: Explainer, name: str, row: np.ndarray, told: Explained) -> str:
    import orjson

    model = explainer.model
    about = {"id": name, "version": model.id, "score": told.score, "threshold": model.threshold, "unit": told.unit}
    parts = dict(zip(model.columns, told.parts.tolist(), strict=True))
    values = dict(zip(model.columns, row.tolist(), strict=True))
    return orjson.dumps({**about, "base": told.base, "value": told.value, "parts": parts, "features": values}).decode()


def add_to(app: typer.Typer) -> None:
    app.command()(explain)
