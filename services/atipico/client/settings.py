"""Where the client finds the services: as the parts do, by the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from atipico import secret, tls
from atipico.answer import is_local
from atipico.config import Seconds, Secret, Settings, run_dir
from atipico.errors import Refused
from atipico.store_access import Login, StoreAccess, is_url, store_access


class ClientSettings(Settings):
    """Each also by ATIPICO_CLIENT_<NAME>; the ports by ATIPICO_STORE_PORT and ATIPICO_CLASSIFIER_PORT."""

    model_config = SettingsConfigDict(env_prefix="ATIPICO_CLIENT_", extra="forbid", populate_by_name=True)

    store_url: str = ""
    store_port: int = Field(8086, validation_alias=AliasChoices("ATIPICO_STORE_PORT", "store_port"))
    classifier_url: str = ""
    classifier_port: int = Field(8080, validation_alias=AliasChoices("ATIPICO_CLASSIFIER_PORT", "classifier_port"))
    database: str = "atipico"
    token: str = ""
    token_file: str = ""
    store_user: str = ""
    store_password: Secret = ""
    timeout: Seconds = Field(30.0, gt=0)

    @field_validator("store_url", "classifier_url")
    @classmethod
    def _is_one(cls, url: str) -> str:
        if url and not urlsplit(is_url(url)).hostname:
            raise ValueError("needed as http://HOST:PORT or https://HOST:PORT")
        return is_url(url)

    def store(self) -> StoreAccess:
        """The store, and who asks: who was given, else whom the run names, else whoever holds the run's token."""
        given = Login(self.store_user, self.store_password, self.token)
        given = given._replace(token=self.token_for("")) if self.token_file else given
        url, login = store_access(self.store_url, given, f"{tls.scheme()}://127.0.0.1:{self.store_port}")
        return StoreAccess(url, login if any(login) else Login(token=self.token_for(url)))

    def classifier(self) -> str:
        return self.classifier_url or f"{tls.scheme()}://127.0.0.1:{self.classifier_port}"

    def token_for(self, url: str) -> str:
        """The token that was given; else the run folder's, which is told to this machine only."""
        if self.token:
            return self.token
        path = Path(self.token_file) if self.token_file else run_dir() / "token" if is_local(url) else None
        if path is None or not (self.token_file or path.is_file()):
            return ""
        if not self.token_file:
            return secret.read(path)
        try:
            return path.read_text().strip()  # how it is kept is up to who named it
        except OSError as error:
            raise Refused(
                f"token file {path}: {error.strerror}; give token= or another ATIPICO_CLIENT_TOKEN_FILE"
            ) from error
