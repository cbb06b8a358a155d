"""A CSV or Parquet file with ids and labels, told some rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from atipico.client.label import Labelled, Teller
from atipico.client.names import known
from atipico.sources.columns import Rows, columns_of, quoted

_AT_ONCE = 50_000  # rows


def tell_file(teller: Teller, path: Path, id_column: str, label_column: str, step: Callable[[int], object]) -> Labelled:
    """Tell the labels of a file; rows without one count as empty.

    id_column: the id field's own name unless given; label_column: "label". step: gets the rows of each batch.
    Raises Unknown for a column that is not there, Refused when not one label can be taken.
    """
    there, where = columns_of(path), f"{path} (id_column and label_column tell which they are)"
    columns = [known("column", name, there, where) for name in (id_column or teller.id_field, label_column or "label")]
    rows, at, done = Rows(path, [f"CAST({quoted(name)} AS VARCHAR)" for name in columns]), 0, Labelled()
    while found := rows.at(at, _AT_ONCE):
        told = [(id, label) for id, label in found if label not in (None, "")]
        done = done.plus(teller.tell(told)).plus(Labelled(empty=len(found) - len(told)))
        at += len(found)
        step(len(found))
    return done.taken()
