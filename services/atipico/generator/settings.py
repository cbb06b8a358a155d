"""What the generator streams, and how."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Bytes, Seconds, Secret, Settings
from atipico.errors import Refused
from atipico.store_access import Login, StoreAccess, store_access


class StreamSettings(BaseModel):
    """One stream; see config.toml."""

    model_config = ConfigDict(extra="forbid")

    source: str
    measurement: str | None = None
    database: str = "atipico"
    rate: float | None = Field(None, gt=0, le=1e6)
    speed: float | None = Field(None, gt=0)
    file: str | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_pace(self) -> StreamSettings:
        if (self.rate is None) == (self.speed is None):
            raise ValueError("either rate (samples/s) or speed (times its own clock) is needed")
        return self

    def all_options(self) -> dict[str, Any]:
        return self.options if self.file is None else {**self.options, "file": str(Path(self.file).resolve())}


class StoreSettings(BaseModel):
    """Where the lines go; see config.toml."""

    model_config = ConfigDict(extra="forbid")

    url: str = ""
    user: str = ""
    password: Secret = ""
    token: Secret = ""
    org: str = "atipico"
    timeout: Seconds = Field(10.0, gt=0)

    @field_validator("url")
    @classmethod
    def _is_one(cls, url: str) -> str:
        if not re.fullmatch(r"(https?://[^/\s]+/?)?", url):
            raise ValueError("needed as http://HOST:PORT")
        return url.rstrip("/")

    def access(self) -> StoreAccess:
        return store_access(self.url, Login(self.user, self.password, self.token))


def _payments_and_machine() -> dict[str, StreamSettings]:
    rates = {"payments": 20.0, "machine": 1.0}
    return {name: StreamSettings.model_validate({"source": name, "rate": rate}) for name, rate in rates.items()}


class GeneratorSettings(Settings):
    """Settings of the generator; see config.toml."""

    model_config = SettingsConfigDict(env_prefix="ATIPICO_GENERATOR_", toml_file=PACKAGE / "generator" / "config.toml")

    block: Seconds = Field(0.05, gt=0)
    catch_up: Seconds = Field(10.0, ge=0)
    spool: Bytes = Field(256 * 2**20, gt=0)
    metrics_port: int = Field(0, ge=0, le=65535)
    store: StoreSettings = Field(default_factory=lambda: StoreSettings.model_validate({}))
    streams: dict[str, StreamSettings] = Field(default_factory=_payments_and_machine)

    @field_validator("streams")
    @classmethod
    def _names_are_file_names(cls, streams: dict[str, StreamSettings]) -> dict[str, StreamSettings]:
        if bad := [name for name in streams if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)]:
            raise ValueError(f"names {bad} are no file names; letters, digits, '_', '-' and '.' are")
        return streams


def read_file(path: Path) -> dict[str, Any]:
    """The settings in a TOML file of the same form as config.toml. Raises Refused when it is none."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refused(f"{path}: {error}") from error
