"""What sleeps as bytes: a key, and what the pools have of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import msgspec
import numpy as np

from atipico.features.keys import Key

_CRC_BYTES = 4

Entries = tuple[np.ndarray, np.ndarray]  # of one pool: how many each key has; all of them, int64 (sum, columns)


def packed_key(key: Key) -> bytes:
    """A key as bytes, the same for keys that are equal, such as 1 and 1.0."""
    return msgspec.msgpack.encode([_plain(one) for one in key] if isinstance(key, tuple) else _plain(key))


def _plain(value: Any) -> Any:
    alike = isinstance(value, bool | float) and value % 1 == 0 and abs(value) < 2**63
    return int(value) if alike else value


def packed(pools: Sequence[Entries]) -> Iterator[bytes]:
    """For each key its checksum, how many entries each pool has of it, and these."""
    heads = np.stack([lengths for lengths, _ in pools], axis=1)
    parts = []
    for lengths, rows in ((np.ones(len(heads), dtype=np.int64), heads), *pools):
        ends = lengths.cumsum() * rows.shape[1] * 8
        parts.append((rows.tobytes(), [0, *ends.tolist()]))
    for at in range(len(heads)):
        data = b"".join([part[ends[at] : ends[at + 1]] for part, ends in parts])
        yield crc32(data).to_bytes(_CRC_BYTES, "little") + data


def is_whole(data: bytes) -> bool:
    return crc32(memoryview(data)[_CRC_BYTES:]) == int.from_bytes(data[:_CRC_BYTES], "little")


def unpacked(keys: Sequence[bytes], widths: Sequence[int]) -> list[Entries]:
    """What `packed` made the bytes of."""
    at = _CRC_BYTES + 8 * len(widths)
    heads = np.frombuffer(b"".join([data[_CRC_BYTES:at] for data in keys]), dtype=np.int64).reshape(-1, len(widths))
    ends = at + (heads * widths * 8).cumsum(axis=1)
    pools, starts = [], [at] * len(keys)
    for pool, width in enumerate(widths):
        stops = ends[:, pool].tolist()
        rows = b"".join([data[a:b] for data, a, b in zip(keys, starts, stops, strict=True)])
        pools.append((heads[:, pool], np.frombuffer(rows, dtype=np.int64).reshape(-1, width)))
        starts = stops
    return pools
