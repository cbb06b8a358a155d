"""A stack with a certificate: every part asks the others by https, and proves whom it asks."""

from __future__ import annotations

import http.client
import shutil
import ssl
import time
from urllib.request import urlopen

import pytest
import requests

from atipico import Client
from atipico.errors import NotYet
from certificate import certificate
from waiting import until

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")


def test_with_a_certificate_samples_are_scored_over_tls_alone(new_stack, tmp_path, monkeypatch):
    cert, key = certificate(tmp_path)
    other, _ = certificate(tmp_path, "other")
    new_stack.env |= {"ATIPICO_TLS_CERT": str(cert), "ATIPICO_TLS_KEY": str(key)}

    told = new_stack.up()
    addresses = {part: f"https://127.0.0.1:{new_stack.ports[part]}" for part in ("store", "classifier", "page")}
    trusted = ssl.create_default_context(cafile=str(cert))

    assert all(address in told for address in addresses.values())
    for part in addresses:
        with urlopen(f"{addresses[part]}/ping", context=trusted, timeout=10) as answer:
            assert answer.status in (200, 204)
        with pytest.raises((OSError, http.client.HTTPException)):
            urlopen(f"http://127.0.0.1:{new_stack.ports[part]}/ping", timeout=10)
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urlopen(f"{addresses[part]}/ping", context=ssl.create_default_context(cafile=str(other)), timeout=10)
    until(lambda: {row["state"] for row in new_stack.status().values()} == {"up"})

    monkeypatch.setenv("ATIPICO_RUN", str(new_stack.run))
    monkeypatch.setenv("ATIPICO_TLS_CA", str(cert))
    client, since = Client(addresses["store"], addresses["classifier"]), time.time_ns()
    until(lambda: len(client.query(f'SELECT "score" FROM "scores" WHERE time > {since} LIMIT 5')))
    until(lambda: len(client.query(f'SELECT "memory_bytes" FROM "parts" WHERE time > {since} GROUP BY "part" LIMIT 1')))
    assert requests.get(f"{addresses['page']}/api/names", verify=str(cert), timeout=10).json()["jobs"]
    assert new_stack.atipico("doctor").returncode == 0

    monkeypatch.setenv("ATIPICO_TLS_CA", str(other))
    with pytest.raises(NotYet, match="certificate verify failed"):
        Client(addresses["store"]).streams()
