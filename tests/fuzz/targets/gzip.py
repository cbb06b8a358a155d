"""Packed bodies: never more than the bound, and what gzip itself says of what is taken."""

from __future__ import annotations

import gzip

from atipico.errors import Refused
from atipico.store.body import inflate

_MOST = 3000  # bytes
WORDS = [gzip.compress(b"", mtime=0), gzip.compress(b"m v=1\n" * 3, mtime=0), gzip.compress(bytes(_MOST + 1), mtime=0)]
WORDS += [b"\x1f\x8b\x08", b"\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"]


def attack(data: bytes) -> None:
    try:
        plain = inflate(data, _MOST)
    except Refused:
        return
    assert len(plain) <= _MOST
    assert gzip.decompress(data) == plain
