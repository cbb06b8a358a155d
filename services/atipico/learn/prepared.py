"""What comes before a training: the data, what they must be like, their features."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from atipico.config import home
from atipico.errors import Refused, nearest
from atipico.learn import get as get_stage
from atipico.learn import reads
from atipico.learn.batch import check_batch
from atipico.learn.data_page import write_page
from atipico.learn.progress import Bar, unseen
from atipico.learn.receipts import Kept, Reads
from atipico.learn.recipe import read_recipe
from atipico.learn.suggest import suggest_suite
from atipico.learn.suite import read_suite
from atipico.learn.table import Table, table_of
from atipico.learn.table_file import read_table, write_table
from atipico.registry.jobs import Job, load_job
from atipico.registry.manifest import digest_of
from atipico.sources.columns import has_rows


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@dataclass
class Prepared:
    """One FILE.toml and its data: the stages get, validate and features.

    data: a CSV or Parquet, the recipe's own unless given. start, to: the first and last day that train. runs, models:
    the folders, under home unless given. force: stages that are done whatever has changed. track: runs are told to
    MLflow, also where the recipe does not say so. say: what is told on the way; bar: how far it is.
    """

    file: Path
    data: str | None = None
    start: date | None = None
    to: date | None = None
    runs: Path = field(default_factory=lambda: home() / "runs")
    models: Path = field(default_factory=lambda: home() / "models")
    force: Collection[str] = ()
    track: bool = False
    say: Callable[[str], None] = _say
    bar: Bar = unseen

    def __post_init__(self) -> None:
        recipe = read_recipe(self.file)
        given = {"start": self.start, "to": self.to}
        train = recipe.train.model_copy(update={name: day for name, day in given.items() if day is not None})
        self.recipe = recipe.model_copy(update={"train": train})
        self.job = find_job(self.recipe.job, self.file.parent)
        self.kept = Kept(self.runs / self.recipe.name / "stages", self.force, self.say)
        self._table: Table | None = None
        self._looked = False  # whether the features were seen to be those of the data
        self._data: dict[str, Any] = {}
        self._full = ""  # the file that was seen to have rows

    def get(self) -> Path:
        """Make the data file, as `[get]` says. Returns where it is."""
        if (get := self.recipe.get) is None:
            raise Refused(f"{self.file} has no [get]: nothing says where the data come from; give --data FILE")
        beside = self.file.parent
        read = {**get_stage.reads(get, beside), "to": os.path.relpath(beside / get.to, self.kept.folder)}
        if self.kept.due("get", read):
            self.kept.done("get", read, [get_stage.fetch(get, beside, self.bar)])
        return beside / get.to

    def put_there(self) -> bool:
        """Whether somebody put the file there that `[get]` would fetch from afar: it is taken as it is, and said so."""
        get = self.recipe.get
        if get is None or not (get.url or get.openml) or self.kept.made("get"):
            return False
        there = self.file.parent / get.to
        if not there.is_file() or (get.sha256 and digest_of(there) != get.sha256):
            return False
        self.say(f"get: skipped: {there} was put there; `atipico learn get` fetches it anew")
        return True

    def validate(self) -> Path | None:
        """Hold the data to the recipe's suite. Returns the page that tells it; None where there is no suite.

        Raises Refused for data that are not as they must be, with the rows.
        """
        if self.recipe.suite is None:
            return None
        path, page = self.file.parent / self.recipe.suite, self.kept.folder / "data.html"
        if not path.is_file():
            raise Refused(f"{path} is not there; begin one from the data: atipico learn suggest-suite -f {self.file}")
        suite = read_suite(path)
        read = reads.of_validate(path, self._data_read())
        if self.kept.due("validate", read):
            with self.bar("checking"):  # all rows at once: nobody knows how far it is
                checked = check_batch(suite, self._file(), self.recipe.dataset)
                write_page(checked, page)
            if checked.problems:
                raise Refused(f"{checked.told()}\nall of it: {page}")
            self.say(f"  {checked.rows} rows are as {path.name} says; {page}")
            self.kept.done("validate", read, [page])
        return page

    def suggest_suite(self, out: Path | None = None, over: bool = False) -> Path:
        """Write a suite that the data meet, beside the recipe unless told. Returns where it is.

        Raises Refused where there is one, unless it may be written `over`.
        """
        path = out or self.file.parent / (self.recipe.suite or "suite.toml")
        if path.exists() and not over:
            raise Refused(
                f"{path} is there, and perhaps edited by hand; write it anew with --force, or --out elsewhere"
            )
        path.write_text(suggest_suite(self._file(), self.recipe.dataset), encoding="utf-8")
        if self.recipe.suite is None:
            self.say(f'add it to {self.file.name}: suite = "{path.name}"')
        return path

    def features(self) -> Path:
        """Make the features of all rows. Returns the file that holds them, beside each row's time, label and keys."""
        path = self.kept.folder / "features.npz"
        if self._looked:
            return path
        self.validate()
        read = reads.of_features(self.recipe, self.job, self._data_read())
        if self.kept.due("features", read):
            with self.bar("rows") as step:
                self._table = table_of(self.recipe, self.job, self._file(), step)
            write_table(self._table, path)
            rows, columns = self._table.values.shape
            self.say(f"  {rows} rows, {columns} features")
            self.kept.done("features", read, [path])
        self._looked = True
        return path

    def table(self) -> Table:
        """The table of the data, which the stage `features` left."""
        if self._table is None:
            path = self.features()
            self._table = self._table or read_table(path)
        return self._table

    def _data_read(self) -> Reads:
        return reads.of_data(self._file(), self._data_told()["sha256"], self.recipe.dataset)

    def _file(self) -> str:
        """The data. Raises Refused where there are none."""
        file = self._named()
        if file != self._full and not has_rows(Path(file)):
            raise Refused(f"{file} has no rows under its heading; learning needs some")
        self._full = file
        return file

    def _named(self) -> str:
        if chosen := self.data or self.recipe.data:
            return chosen
        if self.recipe.get is None:
            raise Refused(f"{self.file} names no data; give --data FILE")
        got = self.file.parent / self.recipe.get.to
        if not got.is_file():
            raise Refused(f"{got} is not there yet; get it: atipico learn get -f {self.file}")
        return str(got)

    def _data_told(self) -> dict[str, Any]:
        """The data's name, bytes and hash; worked out once a file."""
        path = Path(self._file())
        seen = path.stat()
        mark = (str(path), seen.st_size, seen.st_mtime_ns)
        if self._data.get("mark") != mark:
            told = {"file": path.name, "bytes": seen.st_size, "sha256": digest_of(path)}
            self._data = {"mark": mark, "told": told}
        return dict(self._data["told"])


def find_job(name: str, beside: Path) -> Job:
    """The job NAME of jobs/, or of a file NAME.toml in the folder `beside`. Raises Refused with the nearest name."""
    if name.endswith(".toml"):
        return load_job(beside / name)
    folder = home() / "jobs"
    known = [path.stem for path in folder.glob("*.toml")]
    if name not in known:
        raise Refused(f"no job {name!r} in {folder}{nearest(name, known)}")
    return load_job(folder / f"{name}.toml")
