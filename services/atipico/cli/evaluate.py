"""`atipico evaluate payments --last 7d`: how good the live scores were, by the labels that are known by now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from atipico.cli.bars import bar

_FIGURES = ("precision", "recall", "auc", "average_precision", "precision_at_k")


def evaluate(
    job: Annotated[str, typer.Argument(help="A job that has scores.")],
    last: Annotated[str, typer.Option(metavar="DURATION", help="The outcomes of the last such while.")] = "7d",
    k: Annotated[int, typer.Option("--k", min=1, help="How many people look at a day.")] = 100,
    key: Annotated[str, typer.Option(help="The field that these are of, such as customer; samples unless given.")] = "",
    id_field: Annotated[
        str, typer.Option(help="What names a sample; transaction_id, sample_id or id unless given.", show_default=False)
    ] = "",
    labels: Annotated[str, typer.Option(metavar="MEASUREMENT", help="Where labels are kept.")] = "labels",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Judge a job's live scores by what is known by now.

    Joins outcomes and labels by id; also for each version of the model.
    """
    from atipico.client import Client
    from atipico.engines.embedded import whereabouts

    whereabouts.find()
    with bar("outcomes") as step:
        found = Client().evaluate(job, last, k, key, id_field, labels, step)
    if as_json:
        import orjson

        print(orjson.dumps(found).decode())
        return
    print(
        f"{job}, last {last}: {found['samples']} samples, {found['unscored']} not scored, "
        f"{found['labelled']} labelled ({found['anomalies']} anomalies), {found['unlabelled']} not yet"
    )
    named = {"all": found, **found["by_version"]}
    wide = 2 + max(map(len, named))
    heads = ("samples", "alerts", "labelled", "precision", "recall", "AUC", "average precision", f"precision at {k}")
    print(f"{'version':<{wide}}{_row(heads, heads)}")
    for name, one in named.items():
        counts = (str(one[count]) for count in ("samples", "alerts", "labelled"))
        print(f"{name:<{wide}}{_row((*counts, *(_text(one[figure]) for figure in _FIGURES)), heads)}")


def _row(cells: Sequence[str], heads: Sequence[str]) -> str:
    """Each under the end of its heading."""
    return "".join(f"{cell:>{2 + max(6, len(head))}}" for cell, head in zip(cells, heads, strict=True))


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def add_to(app: typer.Typer) -> None:
    app.command()(evaluate)
