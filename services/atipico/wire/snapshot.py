"""What an agent answers a snapshot request with: not what a job knows, but which checkpoint on its disk does."""

from __future__ import annotations

import msgspec


class Snapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """checkpoint: its id. shape: a hash of what shapes the state. clock: how far the job's was, ns; None: unknown.

    Of a job that another server streams, too: reached: by group the time (ns) of the newest sample it knows.
    life: names one stretch of remembering; another one begins when the agent does.
    """

    checkpoint: int
    shape: str = msgspec.field(default_factory=str)  # told also where it is empty, as ever
    clock: int | None = None
    life: str = ""
    reached: dict[str, int] = {}

    def to_bytes(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Snapshot:
        """Raises ValueError for what no agent of ours wrote."""
        return msgspec.json.decode(data, type=cls)
