"""The store's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Bytes, Seconds, Settings, run_dir


class StoreSettings(Settings):
    """Settings of the store; see config.toml."""

    model_config = SettingsConfigDict(env_prefix="ATIPICO_STORE_", toml_file=PACKAGE / "store" / "config.toml")
    host: str = "127.0.0.1"
    port: int = 8086
    data: str = ""
    threads: int = 24
    body: Bytes = 25_000_000
    backlog: int = 100_000
    keep: Seconds = 30 * 86400.0
    log_bytes: Bytes = 2**30
    log_most: Bytes = 4 * 2**30
    unread: Bytes = 2 * 2**30
    reader_away: Seconds = 3600.0
    table_bytes: Bytes = 8 * 2**30
    tidy_every: Seconds = 600.0
    segment: Bytes = 64 * 2**20
    series: int = 1_000_000
    fields: int = 1500
    wait_for_fold: Seconds = 10.0

    @property
    def folder(self) -> Path:
        """Where the databases lie."""
        return Path(self.data).resolve() if self.data else run_dir() / "store"
