"""The settings of the page; see config.toml."""

from __future__ import annotations

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from atipico import tls
from atipico.config import PACKAGE, Seconds, Secret, Settings
from atipico.store_access import Login, StoreAccess, is_url, store_access
from atipico.wire.sample import ID_FIELDS


class PageSettings(Settings):
    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_PAGE_",
        toml_file=PACKAGE / "page" / "config.toml",
        populate_by_name=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(8050, ge=1, le=65535)
    store_host: str = "127.0.0.1"
    store_port: int = Field(8086, validation_alias=AliasChoices("ATIPICO_STORE_PORT", "store_port"))
    store_url: str = ""
    store_user: str = ""
    store_password: Secret = ""
    store_token: Secret = ""
    store_timeout: Seconds = Field(10.0, gt=0)
    database: str = "atipico"
    every: Seconds = Field(1.0, ge=0.1, le=60)
    clients: int = Field(16, ge=1, le=200)
    points: int = Field(3000, ge=100, le=20_000)
    marks: int = Field(400, ge=10, le=2000)
    id_fields: tuple[str, ...] = ID_FIELDS

    _is_one = field_validator("store_url")(is_url)

    def store(self) -> StoreAccess:
        login = Login(self.store_user, self.store_password, self.store_token)
        return store_access(self.store_url, login, f"{tls.scheme()}://{self.store_host}:{self.store_port}")
