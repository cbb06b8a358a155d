"""The store, or any InfluxDB, as the generator needs it: lines go in, acknowledged."""

from __future__ import annotations

import re

from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from atipico import logs, tls
from atipico.errors import NotYet, Refused
from atipico.store_access import CURE, StoreAccess

_ABOUT_US = {401, 403, 404, 408, 429}  # who asks, or when; the lines are not what is wrong
_SHOWN = 300  # characters of an answer that an error repeats


class Partly(Refused):
    """Some lines were not taken, all others were. dropped: how many, at least 1."""

    def __init__(self, message: str, dropped: int) -> None:
        super().__init__(message)
        self.dropped = dropped


class StoreWriter:
    """Writes to one database of a store over kept connections. org: whose bucket that is, for an InfluxDB 2.x."""

    def __init__(self, store: StoreAccess, database: str, timeout_s: float, org: str = "atipico") -> None:
        self._url, self._database = store.url, database
        client = InfluxDBClient(
            store.url, None, org=org, timeout=round(timeout_s * 1000), enable_gzip=False, **_trust()
        )
        self._api, self._headers = client.write_api(write_options=SYNCHRONOUS), client.api_client.default_headers
        self._headers.update(store.login.headers())

    def write(self, lines: bytes) -> None:
        """Returns once the lines are acknowledged. Not for several threads at once.

        Raises NotYet when the store is down, slow, full or does not know us yet; Partly when it took all lines
        but some; Refused when it took none and never will.
        """
        if id := logs.request():
            self._headers[logs.REQUEST_ID] = id
        try:
            self._api.write(self._database, record=lines, write_precision="ns")
        except ApiException as error:
            raise self._told(error) from error
        except (HTTPError, OSError) as error:
            raise NotYet(f"store at {self._url}: {_first_words(str(error))}; is it up?", 0.0) from error

    def _told(self, error: ApiException) -> NotYet | Refused:
        status, body = error.status or 0, error.body or error.reason or ""
        told = f"store at {self._url}: {status} {_first_words(body if isinstance(body, str) else body.decode())}"
        if status == 400 and "partial write" in told:
            dropped = re.search(r"dropped=(\d+)", str(body))
            return Partly(told, max(1, int(dropped[1]) if dropped else 1))
        if status in _ABOUT_US or not 400 <= status < 500:
            cure = f"; is run/token the store's? an InfluxDB: {CURE}" if status in (401, 403) else ""
            return NotYet(told + cure, _seconds((error.headers or {}).get("Retry-After")))
        return Refused(told)


def _trust() -> dict[str, str]:
    authority = tls.authority()
    return {"ssl_ca_cert": str(authority)} if authority else {}


def _seconds(retry_after: str | None) -> float:
    try:
        return min(30.0, max(0.0, float(retry_after or "")))
    except ValueError:  # absent, or a date
        return 0.0


def _first_words(text: str) -> str:
    return " ".join(text.split())[:_SHOWN]
