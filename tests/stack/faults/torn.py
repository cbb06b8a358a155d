"""Half-written last records: what a part leaves on disk that was killed in the midst of writing."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

from atipico.store.record import Record, encode

_HEADER, _FRAME = 32, 24  # bytes of a WAL's head, and of a frame's before its page


def torn_log(folder: Path, rng: random.Random, measurement: str) -> str:
    """Begin one record more in the newest segment of a store's log, and stop in its midst."""
    segment = max(folder.glob("*.log"))
    lines = f"{measurement},shard=0 amount=1 1\n".encode() * rng.randint(1, 50)
    record = encode(Record(measurement.encode(), lines, 1))
    part = record[: rng.randint(1, len(record) - 1)]
    with segment.open("ab") as file:
        file.write(part)
    return f"{segment.name}: {len(part)} of {len(record)} bytes more"


def torn_wal(path: Path, rng: random.Random) -> str:
    """Begin one frame more behind the last of a SQLite file's write-ahead log, and stop in its midst."""
    wal = path.with_name(path.name + "-wal")
    data = wal.read_bytes() if wal.exists() else b""
    if len(data) < _HEADER:
        return f"{wal.name}: nothing in it"
    page, salts = struct.unpack_from(">I", data, 8)[0], data[16:24]
    end = _HEADER
    while data[end + 8 : end + 16] == salts and len(data) >= end + _FRAME + page:
        end += _FRAME + page
    frame = struct.pack(">II", 1, 0) + salts + os.urandom(8) + b"\xff" * page
    part = frame[: rng.randint(1, len(frame) - 1)]
    with wal.open("r+b") as file:
        file.seek(end)
        file.write(part)
    return f"{wal.name}: {len(part)} of {len(frame)} bytes more behind {end}"


def halved(path: Path, rng: random.Random) -> str:
    """Cut a file somewhere in its midst."""
    size = path.stat().st_size
    kept = rng.randint(0, max(0, size - 1))
    os.truncate(path, kept)
    return f"{path.name}: {kept} of its {size} bytes left"


def half_draft(path: Path, rng: random.Random) -> str:
    """Begin to write a file that is to take the place of another."""
    path.write_bytes(os.urandom(rng.randint(0, 500)))
    return f"{path.name}: begun"
