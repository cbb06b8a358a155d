"""The file: a gzipped tar whose first member tells its format, and whose last one the digest of all the others."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO

import orjson

from atipico import __version__
from atipico.errors import NotYet, Refused

FORMAT = 1
HEAD, TAIL = "atipico-backup.json", "atipico-manifest.json"
_CHUNK = 2**20
_EFFORT = 3  # of gzip; more takes three times as long for a tenth


class Archive:
    """Writes a new file, for this user only; whole under its name at the end, or not there at all."""

    def __init__(self, path: Path) -> None:
        """Raises Refused when there is something under that name."""
        if path.exists():
            raise Refused(f"{path} is there already; give another name, or remove it first")
        self._path, self._draft = path, path.with_name(f".{path.name}.draft")
        self._digests: dict[str, list[int | str]] = {}

    def __enter__(self) -> Archive:
        self._open = ExitStack()
        try:
            raw = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise Refused(f"{self._path} can't be written: {error.strerror}") from error
        self._raw = self._open.enter_context(open(raw, "wb"))
        packed = self._open.enter_context(gzip.GzipFile("", "wb", _EFFORT, self._raw))
        self._tar = self._open.enter_context(tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT))
        self._put(HEAD, {"format": FORMAT, "atipico": __version__, "made": datetime.now(UTC).isoformat()})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._draft.unlink(missing_ok=True)
            self._open.pop_all()
            return
        self._put(TAIL, self._digests)
        raw = os.dup(self._raw.fileno())
        self._open.close()
        os.fsync(raw)
        os.close(raw)
        self._draft.replace(self._path)

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """The first `size` bytes of a file. Raises NotYet when there are fewer: it was cut meanwhile."""
        hashed = _Hashed(file)
        try:
            self._tar.addfile(_member(name, size), hashed)
        except OSError as error:
            if hashed.read_bytes < size and error.errno is None:  # what tarfile says of a file that ends early
                raise NotYet(f"{name} was cut while it was copied; try again") from error
            raise NotYet(f"{self._draft}: {error.strerror or error}; make room, or write to another disk") from error
        self._digests[name] = [size, hashed.digest.hexdigest()]

    @property
    def files(self) -> int:
        return len(self._digests)

    @property
    def bytes(self) -> int:
        """Of the files, before they are packed."""
        return sum(int(size) for size, _ in self._digests.values())

    def _put(self, name: str, told: object) -> None:
        data = orjson.dumps(told)
        self._tar.addfile(_member(name, len(data)), io.BytesIO(data))


class _Hashed:
    """A file that takes note of what is read of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest, self.read_bytes = file, hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self.read_bytes += len(data)
        return data


def _member(name: str, size: int) -> tarfile.TarInfo:
    told = tarfile.TarInfo(name)
    told.size, told.mode, told.mtime = size, 0o600, int(time.time())
    return told


def copy(source: IO[bytes], size: int, target: IO[bytes]) -> str:
    """Copy `size` bytes, some at a time; their digest. Raises Refused when there are fewer."""
    digest, left = hashlib.sha256(), size
    while left:
        data = source.read(min(_CHUNK, left))
        if not data:
            raise Refused(f"the backup ends {left} bytes too early; it was not copied whole")
        digest.update(data)
        target.write(data)
        left -= len(data)
    return digest.hexdigest()
