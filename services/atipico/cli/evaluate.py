"""`atipico evaluate payments --last 7d`: how good the live scores were, by the labels that are known by now."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

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

    with _count() as step:
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
    of_k = f"{'precision at ' + str(k):>16}"
    print(f"{'version':<{wide}}{'samples':>9}{'alerts':>8}{'labelled':>10}{'precision':>11}{'recall':>8}", end="")
    print(f"{'AUC':>8}{'average precision':>19}{of_k}")
    for name, one in named.items():
        precision, recall, auc, average, at_k = (_text(one[figure]) for figure in _FIGURES)
        print(
            f"{name:<{wide}}{one['samples']:>9}{one['alerts']:>8}{one['labelled']:>10}{precision:>11}{recall:>8}",
            end="",
        )
        print(f"{auc:>8}{average:>19}{at_k:>16}")


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@contextmanager
def _count() -> Iterator[Callable[[int], Any]]:
    """Tells how many outcomes are read, in one line of a terminal."""
    if not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("outcomes"), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("outcomes", total=None)
        yield lambda rows: bar.advance(task, rows)


def add_to(app: typer.Typer) -> None:
    app.command()(evaluate)
