"""The settings of the kapacitor engine."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Seconds, Secret, Settings
from atipico.store_access import Login, StoreAccess, is_url, store_access


class KapacitorSettings(Settings):
    """Settings of the kapacitor engine; see config.toml."""

    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_KAPACITOR_",
        toml_file=PACKAGE / "engines" / "kapacitor" / "config.toml",
        populate_by_name=True,
        extra="forbid",
    )
    influx_url: str = ""
    kapacitor_url: str = "http://127.0.0.1:9092"
    influx_user: str = ""
    influx_password: Secret = ""
    kapacitor_user: str = ""
    kapacitor_password: Secret = ""
    udf: str = Field("atipico", pattern=r"^[A-Za-z_]\w*$")
    retention_policy: str = "autogen"
    keep: Seconds = 30 * 86400.0
    flush: Seconds = Field(0.02, gt=0)
    timeout: Seconds = Field(10.0, gt=0)
    agent_socket: str = ""
    sweep_every: Seconds = Field(2.0, gt=0)
    sweep_after: Seconds = Field(3.0, gt=0)
    sweep_back: Seconds = Field(3600.0, gt=0)
    overlap: Seconds = Field(30.0, ge=0)
    mark_every: Seconds = Field(10.0, gt=0)
    agent_timeout: Seconds = Field(10.0, gt=0)
    sweeper_metrics_port: int = Field(0, ge=0, le=65535)

    _is_one = field_validator("influx_url", "kapacitor_url")(is_url)

    def influx(self) -> StoreAccess:
        return store_access(self.influx_url, Login(self.influx_user, self.influx_password))

    def kapacitor(self) -> StoreAccess:
        return StoreAccess(self.kapacitor_url, Login(self.kapacitor_user, self.kapacitor_password))
