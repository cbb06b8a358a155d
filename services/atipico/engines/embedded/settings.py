"""The supervisor's settings; units and defaults are told in config.toml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Bytes, Seconds, Settings


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Restart(_Table):
    first: Seconds = 0.2
    longest: Seconds = 10.0
    forgotten_after: Seconds = 30.0

    def delay(self, failures: int) -> float:
        """Seconds to wait before the start that follows `failures` ends in a row (1 or more)."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, 32))


class Stop(_Table):
    grace: Seconds = 10.0


class Hang(_Table):
    after: Seconds = Field(default=30.0, ge=0)
    start: Seconds = Field(default=120.0, ge=0)


class Log(_Table):
    most: Bytes = 8 * 2**20


class Up(_Table):
    free: Bytes = 500 * 2**20
    deadline: Seconds = 60.0


class SupervisorSettings(Settings):
    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_SUPERVISOR_",
        toml_file=PACKAGE / "engines" / "embedded" / "config.toml",
    )

    metrics_port: int = Field(8090, ge=0, le=65535)
    restart: Restart = Restart()
    stop: Stop = Stop()
    hang: Hang = Hang()
    log: Log = Log()
    up: Up = Up()
