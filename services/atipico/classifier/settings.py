"""The settings of the classifier; see config.toml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Bytes, Settings


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    body: Bytes = Field(default=32 * 2**20, gt=0)
    model: Bytes = Field(default=64 * 2**20, gt=0)


class Server(BaseModel):
    model_config = ConfigDict(extra="forbid")

    threads: int = Field(default=4, ge=1, le=64)


class ClassifierSettings(Settings):
    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_CLASSIFIER_",
        toml_file=PACKAGE / "classifier" / "config.toml",
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    default: str = "payments"
    models: str = ""
    limits: Limits = Limits()
    server: Server = Server()
