"""`atipico new dataset my.csv`: begin something of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from atipico.sources.guess import Guess

app = typer.Typer(help="Begin something of your own: a data set.", no_args_is_help=True)


@app.command()
def dataset(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV or Parquet file.")],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name unless given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Guess what the columns of a file are.

    What was guessed is data/NAME/dataset.toml, to be read and edited.
    """
    from atipico.sources.guess import guess
    from atipico.sources.guessed import write_dataset

    guessed = guess(file, name)
    path = write_dataset(guessed)
    if as_json:
        _print_json(path, guessed)
        return
    print(f"wrote {_short(path)}\n")
    for word, found in _found(guessed).items():
        print(f"  {word:<12} {', '.join(found) or '-':<28} {guessed.because.get(word, '')}".rstrip())
    for column, why in guessed.left_out.items():
        print(f"  {'left out':<12} {column:<28} {why}")
    for question in guessed.check:
        print(f"  check: {question}")
    print(f"\nnext: read it, then ./up.sh --data {_short(file)}")
    print("      a model of your own on it: docs/add/model.md")
    if guessed.label:
        print("      one that is learnt from its labels: docs/learn.md")


def _found(guess: Guess) -> dict[str, list[str]]:
    """Word of dataset.toml -> what was guessed for it, as a person reads it."""
    names = {"id": guess.id, "label": guess.label, "shard": guess.shard}
    return {
        "measurement": [guess.measurement],
        "time": [guess.time.column, *([guess.time_unit] if guess.time_unit else [])],
        "fields": [field.name for field in guess.fields],
        "keys": [key.name for key in guess.keys],
        **{
            word: [column.column if word == "label" else column.name] if column else []
            for word, column in names.items()
        },
    }


def _print_json(path: Path, guess: Guess) -> None:
    import orjson

    told = {"path": str(path), "guessed": _found(guess), "because": guess.because}
    print(orjson.dumps(told | {"left_out": guess.left_out, "check": guess.check}).decode())


def _short(path: Path) -> str:
    """The path as it would be typed here."""
    short = os.path.relpath(path)
    return str(path) if short.startswith("..") else short


def add_to(root: typer.Typer) -> None:
    root.add_typer(app, name="new")
