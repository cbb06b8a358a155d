"""TLS between the parts, if files are given: ATIPICO_TLS_CERT and ATIPICO_TLS_KEY, and ATIPICO_TLS_CA for who asks.

With a certificate store, classifier and page serve https and nothing else, and every part asks them so. It must name
the address that is asked: 127.0.0.1 for the parts of one machine. The CA is the certificate itself unless given.
"""

from __future__ import annotations

import http.client
import os
import ssl
from pathlib import Path
from typing import NamedTuple

from atipico import secret
from atipico.errors import Refused

_CERT, _KEY, _CA = "ATIPICO_TLS_CERT", "ATIPICO_TLS_KEY", "ATIPICO_TLS_CA"


class Files(NamedTuple):
    """What a service proves itself with."""

    cert: Path
    key: Path


def files() -> Files | None:
    """Certificate and key in PEM; None without. Raises Refused when they are not fit, or the key is open to others."""
    cert, key = os.environ.get(_CERT), os.environ.get(_KEY)
    if not cert and not key:
        return None
    if not cert or not key:
        raise Refused(f"{_CERT}={cert!r} and {_KEY}={key!r}: both are needed, or neither")
    found = Files(Path(cert).absolute(), Path(key).absolute())
    secret.refuse_open(found.key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*found)
    except (OSError, ssl.SSLError) as error:
        raise Refused(
            f"{_CERT}={cert} with {_KEY}={key}: {error}; two PEM files that belong together are needed"
        ) from error
    return found


def scheme() -> str:
    """What the services of this run are asked by."""
    return "https" if os.environ.get(_CERT) or os.environ.get(_CA) else "http"


def authority() -> Path | None:
    """Whom this run's clients trust; None: whom the system does."""
    given = os.environ.get(_CA) or os.environ.get(_CERT)
    return Path(given).absolute() if given else None


def context() -> ssl.SSLContext:
    """How clients prove a server: by the authority's file, and by its name. Raises Refused when it can't be read."""
    path = authority()
    try:
        return ssl.create_default_context(cafile=str(path) if path else None)
    except (OSError, ssl.SSLError) as error:
        raise Refused(f"{_CA}={path} can't be read: {error}; a PEM file with certificates is needed") from error


def connection(host: str, port: int, timeout_s: float, secure: bool | None = None) -> http.client.HTTPConnection:
    """A connection to a service of this run, not yet made; `secure` unless it goes by `scheme`."""
    if scheme() == "https" if secure is None else secure:
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context())
    return http.client.HTTPConnection(host, port, timeout=timeout_s)
