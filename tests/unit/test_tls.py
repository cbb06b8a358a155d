"""Certificates that are not fit end a start with one sentence; clients prove the name too."""

from __future__ import annotations

import http.server
import shutil
import ssl
import threading

import pytest

from atipico import tls
from atipico.errors import Refused
from certificate import certificate

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")


@pytest.fixture
def given(tmp_path, monkeypatch):
    """Sets the environment to a certificate and its key."""

    def give(cert, key):
        for name, path in {"CERT": cert, "KEY": key}.items():
            if path is None:
                monkeypatch.delenv(f"ATIPICO_TLS_{name}", raising=False)
            else:
                monkeypatch.setenv(f"ATIPICO_TLS_{name}", str(path))

    return give


def test_without_files_nothing_is_encrypted(given):
    given(None, None)

    assert (tls.files(), tls.scheme(), tls.authority()) == (None, "http", None)


def test_with_files_everything_is_asked_by_https_and_they_are_trusted(given, tmp_path):
    cert, key = certificate(tmp_path)
    given(cert, key)

    assert (tls.files(), tls.scheme(), tls.authority()) == ((cert, key), "https", cert)


def test_a_certificate_without_its_key_is_refused(given, tmp_path):
    cert, _ = certificate(tmp_path)
    given(cert, None)

    with pytest.raises(Refused, match="both are needed, or neither"):
        tls.files()


def test_a_key_of_another_certificate_is_refused(given, tmp_path):
    cert, _ = certificate(tmp_path)
    _, key = certificate(tmp_path, "other")
    given(cert, key)

    with pytest.raises(Refused, match="two PEM files that belong together are needed"):
        tls.files()


def test_a_key_that_others_can_read_is_refused(given, tmp_path):
    cert, key = certificate(tmp_path)
    key.chmod(0o644)
    given(cert, key)

    with pytest.raises(Refused, match="is open to others"):
        tls.files()


@pytest.mark.parametrize(("address", "proven"), [("IP:127.0.0.1", True), ("DNS:store.example", False)])
def test_a_server_is_proven_by_its_name_too(given, tmp_path, address, proven):
    cert, key = certificate(tmp_path, address=address)
    given(cert, key)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    connection = tls.connection("127.0.0.1", server.server_port, 10.0)
    try:
        if proven:
            connection.request("GET", "/")
            assert connection.getresponse().status == 501
        else:
            with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
                connection.request("GET", "/")
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
