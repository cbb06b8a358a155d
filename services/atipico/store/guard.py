"""Who may write: on loopback each program of this machine, elsewhere who knows the token; labels only who does."""

from __future__ import annotations

import hmac
from pathlib import Path

from flask import Request

from atipico import secret
from atipico.errors import Refused
from atipico.web import is_of
from atipico.wire.lines import blocks

_CURE = "authorization failed: send the header 'Authorization: Token ...' with what is in run/token"


class Unauthorized(Refused):
    """The token is missing or wrong."""


class Forbidden(Refused):
    """A page of another site asks through somebody's browser."""


class Guard:
    """Looks at each request that may change something.

    token: the file of the secret that proves who asks. open: bound to loopback, so that whoever asks may write; labels,
    which decide what is learnt and how good scores are, are told by who knows the token there too.
    """

    def __init__(self, token: Path, open: bool) -> None:
        self._token, self._open = token, open
        if not open:
            secret.make(token)
            secret.read(token)  # one that is not fit fails while the service starts

    def check(self, request: Request) -> None:
        """Let pass who may write. Raises Unauthorized or Forbidden."""
        self.check_site(request)
        if not self.may_change(request):
            raise Unauthorized(_CURE)

    def check_lines(self, request: Request, body: bytes) -> None:
        """Let pass lines without labels, and whoever knows the token. Raises Unauthorized, before any line is taken."""
        if not self.knows(request) and b"labels" in body and _has_labels(body):
            raise Unauthorized(f"labels are told by who knows the token, here too; {_CURE}")

    def check_site(self, request: Request) -> None:
        """Raises Forbidden when a browser asks for a page that is not our own; the token shows that it may."""
        origin = request.headers.get("Origin")
        if self._open and origin is not None and not is_of(origin, request.host):
            raise Forbidden(f"a page of {origin[:80]!r} may not write here")

    def may_change(self, request: Request) -> bool:
        """Whether the request may do what is no label."""
        return self._open or self.knows(request)

    def knows(self, request: Request) -> bool:
        """Whether the request carries the token. Raises Refused when the token's file is not fit."""
        token = secret.read_if_there(self._token).encode()
        return bool(token) and any(hmac.compare_digest(given.encode(), token) for given in _given(request))


def is_labels(measurement: str) -> bool:
    """Whether a measurement holds labels: `labels`, or a name that ends in `_labels`."""
    return measurement == "labels" or measurement.endswith("_labels")


def _has_labels(body: bytes) -> bool:
    return any(is_labels(sample.measurement) for part in blocks(body, now=lambda: 0) for sample in part.samples)


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
