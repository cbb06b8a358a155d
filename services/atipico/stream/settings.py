"""The host's settings."""

from __future__ import annotations

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Bytes, Seconds, Settings


class HostSettings(Settings):
    """Settings of the stream host; see config.toml."""

    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_HOST_",
        toml_file=PACKAGE / "stream" / "config.toml",
        populate_by_name=True,
    )
    store_host: str = "127.0.0.1"
    store_port: int = Field(
        8086, validation_alias=AliasChoices("ATIPICO_HOST_STORE_PORT", "ATIPICO_STORE_PORT", "store_port")
    )
    agent_socket: str = ""
    checkpoint_every: Seconds = 2.0
    unanswered: int = 20_000
    block: Bytes = 256 * 1024
    rewind_most: Bytes = 32 * 2**20
    agent_timeout: Seconds = 10.0
    store_timeout: Seconds = 30.0
    metrics_port: int = Field(0, ge=0, le=65535)
