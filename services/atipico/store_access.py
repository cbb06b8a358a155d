"""Where the store of a run is, and who asks there: ours on this machine, or an InfluxDB that was there before.

For all parts at once by ATIPICO_STORE_URL, ATIPICO_STORE_USER and ATIPICO_STORE_PASSWORD, or ATIPICO_STORE_TOKEN;
what a part has of its own goes before.
"""

from __future__ import annotations

import base64
from typing import NamedTuple

from pydantic import field_validator
from pydantic_settings import SettingsConfigDict

from atipico import tls
from atipico.config import Secret, Settings, load


class Login(NamedTuple):
    """Who asks a store: user and password (InfluxDB 1.8), or a token (2.x, 3); nothing: nobody in particular."""

    user: str = ""
    password: str = ""
    token: str = ""

    def headers(self) -> dict[str, str]:
        """What a request says of who asks."""
        if self.token:
            return {"Authorization": f"Token {self.token}"}
        if self.user:
            both = f"{self.user}:{self.password}".encode()
            return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}
        return {}


NOBODY = Login()
CURE = "set ATIPICO_STORE_USER and ATIPICO_STORE_PASSWORD, or ATIPICO_STORE_TOKEN, or their ..._FILE (docs/existing.md)"


class StoreAccess(NamedTuple):
    """url: without a slash at its end."""

    url: str
    login: Login


class _OfTheRun(Settings):
    model_config = SettingsConfigDict(env_prefix="ATIPICO_STORE_", extra="ignore")

    url: str = ""
    port: int = 8086
    user: str = ""
    password: Secret = ""
    token: Secret = ""

    _is_one = field_validator("url")(lambda url: is_url(url))


def is_url(url: str) -> str:
    """An address without the slash at its end. Raises ValueError for what is none; empty stays so."""
    if url and (not url.startswith(("http://", "https://")) or any(c.isspace() for c in url)):
        raise ValueError("needed as http://HOST:PORT or https://HOST:PORT")
    return url.rstrip("/")


def store_access(url: str = "", login: Login = NOBODY, local: str = "") -> StoreAccess:
    """The store of a part. url, login: its own, if it has some. local: where the run's is unless told.

    The run's login is told to the run's store and to no other.
    """
    run = load(_OfTheRun)
    theirs = run.url or local or f"{tls.scheme()}://127.0.0.1:{run.port}"
    of_the_run = url in ("", theirs) and not any(login)
    return StoreAccess(url or theirs, Login(run.user, run.password, run.token) if of_the_run else login)


def elsewhere() -> str:
    """Where the run's store is when ATIPICO_STORE_URL names one, else ""."""
    return load(_OfTheRun).url
