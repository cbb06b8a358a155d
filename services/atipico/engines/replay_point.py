"""A point in a replay to go on from: what was remembered there, kept in a file, and of which rows."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from atipico.errors import NotYet, Refused

_HASH_BYTES = 32


class Point(NamedTuple):
    """told: rows of the file that are done. first: the row that `state`, what was remembered, lies before.

    It is that of a block's begin, so that blocks are cut where they would have been without a stop: rows between the
    two are worked on once more, and told once. times: a hash of the rows' times before `told`.
    """

    told: int
    first: int
    times: str
    state: bytes

    def check(self, own: np.ndarray, path: Path) -> None:
        """Raises Refused for a file that does not begin with the rows this point lies behind. own: their times."""
        if len(own) < self.told or hash_of(own[: self.told]) != self.times:
            raise Refused(
                f"{path}: its first {self.told} rows are not those that the checkpoint lies behind; "
                "take the file that it was made with, or one that goes on from it"
            )

    def save(self, path: Path) -> None:
        """Keep it in a file, whole or not at all. Raises NotYet when the disk does not take it."""
        data = msgspec.msgpack.encode(self)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            draft.write_bytes(hashlib.sha256(data).digest() + data)
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise NotYet(f"checkpoint {path} of {len(data)} bytes not written: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> Point:
        """Raises Refused when there is none, or another file than `save` wrote."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Refused(f"checkpoint {path} can't be read: {error.strerror}") from error
        if hashlib.sha256(data[_HASH_BYTES:]).digest() != data[:_HASH_BYTES]:
            raise Refused(f"{path} is no checkpoint of a replay, or a torn one; make it again with --checkpoint-to")
        return msgspec.msgpack.decode(data[_HASH_BYTES:], type=cls)


def hash_of(own: np.ndarray) -> str:
    """own: int64 (n,), ns, masked where there is none."""
    return hashlib.sha256(np.ma.filled(own, -1).tobytes()).hexdigest()[:16]
