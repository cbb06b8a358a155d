"""What an agent answers a snapshot request with: not what a job knows, but which checkpoint on its disk does."""

from __future__ import annotations

import msgspec


class Snapshot(msgspec.Struct, frozen=True):
    """checkpoint: its id. shape: a hash of what shapes the state. clock: how far the job's was, ns; None: unknown."""

    checkpoint: int
    shape: str = ""
    clock: int | None = None

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Snapshot:
        """Raises ValueError for what no agent of ours wrote."""
        return msgspec.json.decode(data, type=cls)
