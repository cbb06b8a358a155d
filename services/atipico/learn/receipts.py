"""What a stage read and what it wrote, so that it is left out while nothing that it reads has changed."""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from atipico.config import PACKAGE
from atipico.learn.run import Run
from atipico.registry.manifest import digest_of

Reads = Mapping[str, str]  # what -> its hash
Receipt = Mapping[str, Any]  # {"reads": Reads, "wrote": {path from the folder on: SHA-256}}


class Kept:
    """The receipts of a recipe's stages: in `folder`, or of one that belongs to a run in what the run tells.

    force: stages that are due whatever has changed. say: is told what is due, and why.
    """

    def __init__(self, folder: Path, force: Collection[str], say: Callable[[str], None]) -> None:
        self.folder, self._force, self._say = folder, force, say

    def due(self, stage: str, reads: Reads, run: Run | None = None) -> bool:
        """Whether a stage, of that run if it is one of a run, has not been done with what it reads now."""
        of = run.receipt(stage) if run else _read(self.folder / f"{stage}.json")
        why = ["--force"] if stage in self._force else changed(of, reads, run.folder if run else self.folder)
        self._say(f"{stage}: {', '.join(why)}" if why else f"{stage}: skipped: nothing it reads has changed")
        return bool(why)

    def made(self, stage: str) -> str:
        """The hash of what a stage that is done wrote: the same, however often it was made."""
        of = _read(self.folder / f"{stage}.json")
        return hash_of(of["wrote"]) if of else ""

    def done(self, stage: str, reads: Reads, wrote: Sequence[Path], run: Run | None = None) -> None:
        """Keep what a stage read and wrote."""
        folder = run.folder if run else self.folder
        made = {"reads": dict(reads), "wrote": {os.path.relpath(path, folder): digest_of(path) for path in wrote}}
        if run:
            run.told.setdefault("stages", {})[stage] = made
            run.save()
        else:
            _write(self.folder / f"{stage}.json", made)


def changed(of: Receipt | None, reads: Reads, folder: Path) -> list[str]:
    """Why a stage is due, in words: what it reads has changed, or what it wrote is not there as it was."""
    if of is None:
        return ["first time"]
    known = of["reads"]
    found = [f"{name} changed" for name in {**known, **reads} if known.get(name) != reads.get(name)]
    lost = (f"{path} is not as it was" for path, digest in of["wrote"].items() if not _is(folder / path, digest))
    return found or list(islice(lost, 1))


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of(path) == digest


def _read(path: Path) -> Receipt | None:
    """The receipt at `path`; None where there is none that can be read."""
    try:
        found = orjson.loads(path.read_bytes())
        return found if isinstance(found, dict) and found.keys() >= {"reads", "wrote"} else None
    except (OSError, ValueError):
        return None


def _write(path: Path, of: Receipt) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(orjson.dumps(of, option=orjson.OPT_INDENT_2) + b"\n")
    draft.replace(path)


def hash_of(*settings: Any) -> str:
    """The hash of plain values: numbers, texts, lists, dicts in any order."""
    return hashlib.sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def code_of(*modules: str) -> str:
    """The hash of these modules of ours and of all of ours that they import, wherever in their text they do."""
    known: set[str] = set()
    waiting = list(modules)
    while waiting:
        if (name := waiting.pop()) not in known:
            known.add(name)
            waiting += _imports(name)
    return hash_of([(name, digest_of(_file(name))) for name in sorted(known)])


@lru_cache
def _imports(module: str) -> list[str]:
    named = _named(ast.parse(_file(module).read_bytes()))
    return sorted({name for name in named if name.split(".")[0] == PACKAGE.name and _file(name).is_file()})


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)  # a module of that package perhaps


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
