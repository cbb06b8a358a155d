"""The settings of the lab; see config.toml."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from atipico.config import PACKAGE, Secret, Settings, home


class LabSettings(Settings):
    model_config = SettingsConfigDict(env_prefix="ATIPICO_LAB_", toml_file=PACKAGE / "lab" / "config.toml")

    host: str = "127.0.0.1"
    port: int = Field(10000, ge=1, le=65535)
    folder: str = "notebooks"
    first: str = "00-hello.ipynb"
    token: Secret = ""

    def root(self) -> Path:
        """The folder that is shown; the house itself where there is no such folder."""
        folder = home() / self.folder
        return folder if folder.is_dir() else home()

    def address(self, token: str) -> str:
        """Where a browser opens the first notebook, or the lab alone where that is not there yet."""
        first = f"/tree/{quote(self.first)}" if (self.root() / self.first).with_suffix(".py").exists() else ""
        return f"http://127.0.0.1:{self.port}/lab{first}?token={token}"
