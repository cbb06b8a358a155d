"""The settings of the kapacitor engine."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Seconds, Settings
from atipico.errors import Refused


class KapacitorSettings(Settings):
    """Settings of the kapacitor engine; see config.toml."""

    model_config = SettingsConfigDict(
        env_prefix="ATIPICO_KAPACITOR_",
        toml_file=PACKAGE / "engines" / "kapacitor" / "config.toml",
        populate_by_name=True,
        extra="forbid",
    )
    influx_url: str = "http://127.0.0.1:8086"
    kapacitor_url: str = "http://127.0.0.1:9092"
    influx_user: str = ""
    influx_password: str = ""
    kapacitor_user: str = ""
    kapacitor_password: str = ""
    udf: str = Field("atipico", pattern=r"^[A-Za-z_]\w*$")
    retention_policy: str = "autogen"
    keep: Seconds = 30 * 86400.0
    flush: Seconds = Field(0.1, gt=0)
    timeout: Seconds = Field(10.0, gt=0)

    def influx_login(self) -> tuple[str, str] | None:
        """User and password for InfluxDB, None without. Raises Refused for a file that can't be read."""
        return _login(self.influx_user, self.influx_password)

    def kapacitor_login(self) -> tuple[str, str] | None:
        """User and password for Kapacitor, None without. Raises Refused for a file that can't be read."""
        return _login(self.kapacitor_user, self.kapacitor_password)


def _login(user: str, password: str) -> tuple[str, str] | None:
    if not user:
        return None
    if not password.startswith("@"):
        return user, password
    try:
        return user, Path(password[1:]).read_text().strip()
    except OSError as error:
        raise Refused(f"password of {user}: {password[1:]}: {error.strerror}") from error
