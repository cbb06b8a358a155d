"""A guess as a dataset.toml that a person reads, corrects and keeps."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from atipico.config import home
from atipico.errors import Refused
from atipico.sources.columns import columns_of
from atipico.sources.dataset import read_dataset
from atipico.sources.guess import SHARDS, Guess


def write_dataset(guess: Guess, folder: Path | None = None) -> Path:
    """Write `<folder>/<measurement>/dataset.toml`; folder is `data/` under home unless given.

    Raises Refused, writing nothing, when it is there already or another data set fits the file.
    """
    folder = home() / "data" if folder is None else folder
    path = folder / guess.measurement / "dataset.toml"
    if path.exists():
        raise Refused(f"{path} is there already and is not overwritten; edit it, or give another --name")
    has = columns_of(guess.file).keys()
    for other in sorted(folder.glob("*/dataset.toml")):
        if set(read_dataset(other).columns()) <= has:
            raise Refused(
                f"{other} fits {guess.file} already; use or edit that one: with two that fit, which is meant?"
            )
    text = to_text(guess)
    _check(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def to_text(guess: Guess) -> str:
    """The dataset.toml, a comment beside whatever was guessed."""
    lines = [
        f"# What {guess.file.name} holds: a first guess of `atipico new dataset`, to be read and corrected.",
        f"measurement = {_toml(guess.measurement)}",
        f"time = {_toml(guess.time.column)}  # {guess.because['time']}; becomes the field event_time",
    ]
    if guess.time_unit:
        lines.append(f"time_unit = {_toml(guess.time_unit)}")
    if guess.id:
        lines.append(f"id = {_toml(guess.id.name)}  # {guess.because['id']}")
    if guess.numbered:
        lines.append(f"numbered = {_toml(guess.numbered)}  # {guess.because['id']}: the row's number from 0 on")
        lines.append(f"id = {_toml(guess.numbered)}  # what a label names its sample by")
    if guess.keys:
        lines.append(f"keys = {_toml([key.name for key in guess.keys])}  # {guess.because['keys']}")
    lines += ["", "[fields]  # our name = the file's column; a column that is not named is never read"]
    lines += [f"{field.name} = {_toml(field.column)}" for field in guess.fields]
    lines += [f"## {_toml(column)} {why}" for column, why in guess.left_out.items()]
    if guess.shard:
        lines += ["", f"[shard]  # {guess.because['shard']}", f"key = {_toml(guess.shard.name)}", f"shards = {SHARDS}"]
    if guess.label:
        lines += ["", f"[label]  # {guess.because['label']}", f"column = {_toml(guess.label.column)}"]
        lines.append('delay = "0s"  # how long after the sample\'s own time it is known')
    return "\n".join(lines) + "\n"


def _check(text: str) -> None:
    """A guess that the reader of dataset.toml would refuse is never written."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "dataset.toml"
        draft.write_text(text, encoding="utf-8")
        read_dataset(draft)


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
