"""`atipico label add payments 1000123 anomaly`, `atipico label file FILE --stream payments`, `atipico label list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atipico.cli.recorded import progress

if TYPE_CHECKING:
    from atipico.client.label import Labelled

app = typer.Typer(help="Labels: tell what was true, see what was told.", no_args_is_help=True)

Stream = Annotated[str, typer.Argument(help="The measurement of the samples, such as payments.")]
IdField = Annotated[
    str,
    typer.Option(
        help="The field that names a sample; transaction_id, sample_id or id unless given.", show_default=False
    ),
]
Labels = Annotated[str, typer.Option(metavar="MEASUREMENT", help="Where labels are kept.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.callback()
def _of_what_runs() -> None:
    from atipico.engines.embedded import whereabouts

    whereabouts.find()


@app.command()
def add(
    stream: Stream,
    id: Annotated[str, typer.Argument(metavar="ID", help="The sample's own id.")],
    label: Annotated[str, typer.Argument(metavar="LABEL", help="anomaly, true or 1; usual, false or 0.")],
    id_field: IdField = "",
    labels: Labels = "labels",
    as_json: AsJson = False,
) -> None:
    """Tell what was true of one sample.

    The same id again is a correction.
    """
    from atipico.client import Client

    done = Client().label(stream, id, label, id_field, labels)
    if as_json:
        _print_json(done)
        return
    print(f"{stream} {id}: {'corrected' if done.corrected else 'written' if done.written else 'was told before'}")


@app.command()
def file(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A CSV or Parquet file.")],
    stream: Annotated[str, typer.Option(help="The measurement of the samples, such as payments.")],
    id_column: Annotated[
        str, typer.Option(help="The column of ids; the id field's name unless given.", show_default=False)
    ] = "",
    label_column: Annotated[str, typer.Option(help="The column of labels.")] = "label",
    id_field: IdField = "",
    labels: Labels = "labels",
    as_json: AsJson = False,
) -> None:
    """Tell the labels that a file has.

    Rows that can't be taken are counted, the first of them shown; exit 1 when none can.
    """
    from atipico.client import Client

    with progress(file) as step:
        done = Client().label_file(file, stream, id_column, label_column, id_field, labels, step)
    if as_json:
        _print_json(done)
        return
    print(
        f"{done.written} written ({done.corrected} of them corrections), {done.known} were told before, "
        f"{done.unknown} of no sample, {done.refused} refused, {done.empty} rows without a label"
    )
    for why in done.why:
        print(f"  {why}")


@app.command("list")
def list_labels(
    stream: Annotated[str, typer.Argument(help="Only this measurement's.", show_default=False)] = "",
    last: Annotated[str, typer.Option(metavar="DURATION", help="Told in the last such while.")] = "1h",
    as_json: AsJson = False,
) -> None:
    """Show what was told, and by whom. The oldest first; by a person, a file or time."""
    from atipico.client import Client

    rows = Client().label_rows(stream, last)
    if as_json:
        import orjson

        print(orjson.dumps(rows).decode())
        return
    from datetime import UTC, datetime

    for row in rows:
        told = datetime.fromtimestamp(row["time"] // 10**9, UTC)
        word = "anomaly" if row["label"] else "usual"
        line = f"{told:%Y-%m-%dT%H:%M:%SZ}  {row['source']:<16} {row['id']!s:>16}  {word:<8} {row['told_by'] or ''}"
        print(line.rstrip())


def _print_json(done: Labelled) -> None:
    import orjson

    print(orjson.dumps(done._asdict()).decode())


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="label")
