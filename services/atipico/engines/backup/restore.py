"""A backup as a run folder again: read beside it, proven whole, and only then put in its place."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import orjson

from atipico import __version__
from atipico.config import home, load, run_dir
from atipico.engines.backup.archive import FORMAT, HEAD, TAIL, copy
from atipico.engines.embedded import prepare, processes
from atipico.errors import NotYet, Refused
from atipico.store.settings import StoreSettings

_MOST_FILES = 200_000
_MOST_TOLD = 64 * 2**20  # bytes of what a backup tells of itself
_NAME = re.compile(r"(run|home)/[^/\x00-\x1f]+(/[^/\x00-\x1f]+){0,8}")
_PLACES: dict[str, tuple[str, ...]] = {
    "run": ("host", "sinks", "jobs", "agent", "store", "generator", "generator.toml", "token"),
    "home": ("models", "jobs"),
}
_MOST_NAME = 64 * 2**10  # bytes of what a member has besides its content, such as a long name
_HELD_BACK = 100 * 2**20  # bytes that are left free on the disk


class Restored(NamedTuple):
    """made: when the backup was taken. kept: files under home that were there already, as they are in the backup."""

    made: str
    files: int
    bytes: int
    kept: int


def restore(path: Path, *, force: bool = False) -> Restored:
    """Make a run folder, and the models and jobs under home that are missing there, of a backup.

    force: replace what the run folder has, and models and jobs that differ. Raises Refused, having changed nothing,
    for a file that is no whole backup, and when the run folder is in use or not empty; NotYet when the disk is full.
    """
    run = run_dir()
    if living := processes.running(run):
        raise Refused(f"{run}: {', '.join(sorted(living))} runs there; `atipico down` first")
    prepare.make_folder(run)
    there = [name for name in _PLACES["run"] if name != "token" and (run / name).exists()]
    if there and not force:
        raise Refused(f"{run} has {', '.join(there)}; set ATIPICO_RUN to an empty folder, or replace it with --force")
    for left in run.glob(".restoring-*"):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=run) as folder:
        try:
            head, digests = _unpack(path, Path(folder))
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            if isinstance(error, OSError) and error.errno and not isinstance(error, gzip.BadGzipFile):
                raise NotYet(f"{path} to {run}: {error.strerror}") from error
            raise Refused(f"{path} is no whole backup: {error}") from error
        _refuse_other(Path(folder) / "home", home(), force)
        kept = _place_home(Path(folder) / "home", home())
        _place_run(Path(folder) / "run", run)
        os.sync()
    return Restored(str(head["made"]), len(digests), sum(size for size, _ in digests.values()), kept)


def _unpack(path: Path, folder: Path) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Everything into a folder. Raises Refused for what is no whole backup, or of a format that is not known."""
    found: dict[str, list[Any]] = {}
    with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r|", tarinfo=_Bounded) as tar:
        head = _told(tar, tar.next(), HEAD, path)
        if head.get("format") != FORMAT:
            raise Refused(
                f"{path} is a backup of format {head.get('format')}, made by Atipico {head.get('atipico')}; this is "
                f"{__version__}, which reads format {FORMAT}: upgrade Atipico, then restore it"
            )
        while (member := tar.next()) is not None and member.name != TAIL:
            found[member.name] = [member.size, _put(tar, member, folder)]
            if len(found) > _MOST_FILES:
                raise Refused(f"{path} has more than {_MOST_FILES} files, which no backup has")
        told = _told(tar, member, TAIL, path)
    if told != found:
        wrong = sorted(name for name in told.keys() | found.keys() if told.get(name) != found.get(name))
        raise Refused(f"{path} is damaged: {len(wrong)} files are not what they were, the first is {wrong[0]}")
    return head, found


class _Bounded(tarfile.TarInfo):
    """A member that a tar file may have in here: its long name is read into memory, so it is not too long."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if not self.isreg() and self.size > _MOST_NAME:
            raise Refused(f"a name of {self.size} bytes is nothing that a backup has; nothing was restored")
        return super()._proc_member(tar)  # type: ignore[misc]


def _told(tar: tarfile.TarFile, member: tarfile.TarInfo | None, name: str, path: Path) -> dict[str, Any]:
    if member is None or member.name != name or not member.isreg() or member.size > _MOST_TOLD:
        raise Refused(f"{path} is no whole backup of Atipico: it has no {name}")
    try:
        told = orjson.loads(_content(tar, member).read())
    except orjson.JSONDecodeError as error:
        raise Refused(f"{path}: {name} can't be read: {error}") from error
    if not isinstance(told, dict):
        raise Refused(f"{path}: {name} can't be read")
    return told


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Write one file below the folder; its digest. Raises Refused for one that no backup has."""
    parts = PurePosixPath(member.name).parts
    ours = _NAME.fullmatch(member.name) and ".." not in parts and parts[1] in _PLACES[parts[0]]
    if not ours or not member.isreg():
        raise Refused(f"{member.name[:200]!r} is nothing that a backup has; nothing was restored")
    try:
        tarfile.data_filter(member, str(folder))
    except tarfile.FilterError as error:
        raise Refused(f"{error}; nothing was restored") from error
    if member.size > (free := shutil.disk_usage(folder).free - _HELD_BACK):
        raise NotYet(f"{member.name} takes {member.size} bytes, {max(free, 0)} are free in {folder.parent}; make room")
    target = folder / member.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        return copy(_content(tar, member), member.size, file)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise Refused(f"{member.name} is no file")
    return content


def _refuse_other(folder: Path, house: Path, force: bool) -> None:
    """Raises Refused when a model or a job of the backup is there already and other than it was."""
    other = [one for one in _files(folder) if (house / one).exists() and not _alike(folder / one, house / one)]
    if other and not force:
        raise Refused(
            f"{house / other[0]} is other than in the backup, as are {len(other) - 1} more models and jobs; "
            "set ATIPICO_HOME to another folder, or replace them with --force"
        )


def _place_home(folder: Path, house: Path) -> int:
    """Put down what is missing or differs; how many files were there already."""
    kept = 0
    for one in _files(folder):
        target = house / one
        if target.exists() and _alike(folder / one, target):
            kept += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / one, target)
    return kept


def _place_run(folder: Path, run: Path) -> None:
    store = load(StoreSettings).folder
    for name in _PLACES["run"]:
        target = store if name == "store" else run / name
        if name != "token" or (folder / name).exists():
            _remove(target)
        if (folder / name).exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / name, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return [file.relative_to(folder) for file in sorted(folder.rglob("*")) if file.is_file()]


def _alike(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
