"""Taking a backup of a run folder, whether it runs or not.

What is copied first may only be older than what is copied later, never newer: a job's marks and what the agent knew
there, then the tables, and the log last. So whatever was accepted up to the end of the log in the backup is scored,
once, from a mark that lies before it. The generators' spools and the ends of the logs are taken in one moment, in which
nothing goes into or out of a spool: a sample then is in the one or in the other, or in both under the same time.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from atipico.config import home, load, run_dir
from atipico.engines.backup.archive import Archive
from atipico.engines.backup.log_files import LogFiles
from atipico.errors import NotYet
from atipico.generator.spool import gate
from atipico.store.settings import StoreSettings

SECRETS = ("token",)
_SIDE_FILES = ("", "-wal")


class Taken(NamedTuple):
    """bytes: before they were packed."""

    path: Path
    files: int
    bytes: int
    packed: int


def backup(path: Path, *, secrets: bool = False) -> Taken:
    """Write a backup of this run folder, and of the models and jobs under home, to a new file.

    secrets: the token too. Raises Refused when the file is there already, NotYet when a disk is full.
    """
    run, store = run_dir(), load(StoreSettings).folder
    databases = sorted(folder for folder in store.glob("*") if (folder / "log").is_dir()) if store.is_dir() else []
    with ExitStack() as held, Archive(path) as archive:
        room = Path(held.enter_context(tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)))
        logs = [LogFiles(folder / "log", held) for folder in databases]
        for name, file in _plain(run, home(), secrets):
            _add(archive, name, file)
        for job in sorted(one for one in (run / "agent").glob("*") if one.is_dir()):
            _add_job(archive, job, room)
        for folder in databases:
            _add(archive, f"run/store/{folder.name}/readers.json", folder / "readers.json")
            _add_sqlite(archive, f"run/store/{folder.name}/tables.sqlite", folder / "tables.sqlite", room)
        with ExitStack() as closed:
            spools = sorted((run / "generator").glob("*.sqlite"))
            for spool in spools:
                closed.enter_context(gate(spool, fcntl.LOCK_EX))
            _copy_spools(spools, room)
            segments = [log.upto_now() for log in logs]
        for spool in sorted((room / "generator").glob("*")):
            _add(archive, f"run/generator/{spool.name}", spool)
        for folder, several in zip(databases, segments, strict=True):
            for segment in several:
                archive.add(f"run/store/{folder.name}/log/{segment.path.name}", segment.file, segment.size)
        files, size = archive.files, archive.bytes
    return Taken(path, files, size, path.stat().st_size)


def _plain(run: Path, house: Path, secrets: bool) -> Iterator[tuple[str, Path]]:
    """Files that are written whole, or that nobody writes to: marks first, as all else may be newer than they are."""
    for folder in ("host", "sinks", "jobs"):
        for file in sorted((run / folder).rglob("*")):
            if not file.name.endswith(".draft"):
                yield f"run/{folder}/{file.relative_to(run / folder)}", file
    yield "run/generator.toml", run / "generator.toml"
    for secret in SECRETS if secrets else ():
        yield f"run/{secret}", run / secret
    for folder in ("models", "jobs"):
        for file in sorted((house / folder).rglob("*")):
            if not any(part.startswith((".", "__")) for part in file.relative_to(house).parts):
                yield f"home/{folder}/{file.relative_to(house / folder)}", file


def _add(archive: Archive, name: str, path: Path) -> None:
    """A file, where it is there (still)."""
    if not path.is_file() or path.is_symlink():
        return
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        archive.add(name, file, os.fstat(file.fileno()).st_size)


def _add_job(archive: Archive, job: Path, room: Path) -> None:
    """What the agent keeps of a job. Its checkpoints are held open at once: one that is replaced meanwhile is kept."""
    with ExitStack() as held:
        opened = []
        for path in sorted(job.glob("*.checkpoint")):
            try:
                opened.append((path.name, held.enter_context(path.open("rb"))))
            except FileNotFoundError:
                continue
        _add_sqlite(archive, f"run/agent/{job.name}/asleep.sqlite", job / "asleep.sqlite", room)
        for name, file in opened:
            archive.add(f"run/agent/{job.name}/{name}", file, os.fstat(file.fileno()).st_size)


def _add_sqlite(archive: Archive, name: str, path: Path, room: Path) -> None:
    """One moment of a database that others write to."""
    if not path.is_file():
        return
    copy = room / "copy.sqlite"
    try:
        with closing(_opened(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        _add(archive, name, copy)
    except sqlite3.Error as error:
        raise NotYet(f"{path} can't be copied: {error}; is there room in {room.parent}?") from error
    finally:
        copy.unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)


def _copy_spools(spools: list[Path], room: Path) -> None:
    """Their files as they are: a generator that runs lets nobody else open them as databases."""
    (room / "generator").mkdir()
    for spool in spools:
        for end in _SIDE_FILES:
            file = spool.with_name(spool.name + end)
            if file.is_file():
                shutil.copyfile(file, room / "generator" / file.name)
