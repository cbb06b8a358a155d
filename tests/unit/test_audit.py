"""`make audit` says "nothing known" only of pins that were asked about."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("audit", Path(__file__).parents[2] / ".ci" / "audit.py")
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)

FINE = {"name": "flask", "version": "3.1.3", "vulns": []}
SKIPPED = {"name": "rich", "skip_reason": "not found"}
FAULTY = {"name": "old", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}


def asked(answer: object, code: int = 0) -> int:
    told = json.dumps(answer) if answer is not None else ""
    program = [
        sys.executable,
        "-c",
        f"import sys; print({told!r}); print('no route', file=sys.stderr); sys.exit({code})",
    ]
    return script.audit(["requirements.txt"], program)


@pytest.mark.parametrize(
    ("pins", "code", "said"),
    [
        ([FINE], 0, "1 pins audited, 0 known faults"),
        ([FINE, FAULTY], 1, "old 1.0: CVE-1, mended in 1.1"),
        ([FINE, SKIPPED], 2, "1 pins NOT audited, such as rich: not found"),
        ([], 2, "0 pins audited"),
    ],
)
def test_each_pin_is_audited_faulty_or_not_asked_about(capsys, pins, code, said):
    assert asked({"dependencies": pins}, code=1 if code == 1 else 0) == code
    assert said in capsys.readouterr().out


def test_without_a_network_nothing_is_called_audited(capsys):
    assert asked(None, code=1) == 2
    assert capsys.readouterr().out.startswith("not audited: no route; this needs the network")
