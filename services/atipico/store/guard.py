"""Who may write: on loopback every program of this machine, bound elsewhere whoever knows the token."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request

from atipico.errors import Refused


class Unauthorized(Refused):
    """The token is missing or wrong."""


class Forbidden(Refused):
    """A page of another site asks through somebody's browser."""


class Guard:
    """Looks at each request that may change something. token_file None: bound to loopback, no token needed."""

    def __init__(self, token_file: Path | None) -> None:
        self._token = _token(token_file) if token_file else None

    def check(self, request: Request) -> None:
        """Let pass who may write. Raises Unauthorized or Forbidden."""
        self.check_site(request)
        if not self.knows(request):
            raise Unauthorized(
                "authorization failed: send the header 'Authorization: Token ...' with what is in run/token"
            )

    def check_site(self, request: Request) -> None:
        """Raises Forbidden when a browser asks for a page that is not our own; the token shows that it may."""
        origin = request.headers.get("Origin")
        if self._token is None and origin is not None and urlsplit(origin).netloc != request.host:
            raise Forbidden(f"a page of {origin[:80]!r} may not write here")

    def knows(self, request: Request) -> bool:
        """Whether the request carries the token, where one is needed."""
        return self._token is None or any(hmac.compare_digest(given.encode(), self._token) for given in _given(request))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a service bound to the host."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _given(request: Request) -> list[str]:
    """Every secret that a request carries, in each of the ways that InfluxDB's clients have."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = [token.strip()] if scheme.lower() in ("token", "bearer") else []
    if request.authorization is not None and request.authorization.type == "basic":
        given.append(request.authorization.password or "")
    return [*given, request.args.get("p", "")]


def _token(path: Path) -> bytes:
    """The token of the run folder, made at the first start."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    token = path.read_bytes().strip()
    if len(token) < 16:
        raise Refused(f"{path} holds no token of 16 characters or more; delete it and a new one is made")
    return token
