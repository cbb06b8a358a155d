"""A certificate for this machine's loopback, as openssl makes one."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificate(folder: Path, name: str = "own", address: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """Certificate and key of a server at an address, which signed itself."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", f"/CN={name}", "-addext", f"subjectAltName={address}"]
    words += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    command = ["openssl", "req", *words, "-out", str(cert), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    key.chmod(0o600)
    return cert, key
