"""Asks the advisory service about every pin in the files that are given: `make audit`.

Exit 0: every pin was asked about, and nothing is known against any. 1: something is, and shown. 2: some could not be
asked about, as without a network.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

PROGRAM = (sys.executable, "-m", "pip_audit")


def audit(files: Sequence[str], program: Sequence[str] = PROGRAM) -> int:
    """What pip-audit says of the pins, one line each for those that matter."""
    words = ["--progress-spinner", "off", "--disable-pip", "--no-deps", "--timeout", "15", "--format", "json"]
    command = [*program, *words, *(word for file in files for word in ("-r", file))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        pins = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        why = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        print(f"not audited: {why[0][:300]}; this needs the network and pip-audit (./setup.sh requirements-dev.txt)")
        return 2
    skipped = [pin for pin in pins if "skip_reason" in pin]
    known = [(pin, one) for pin in pins for one in pin.get("vulns", [])]
    for pin, one in known:
        fixed = ", ".join(one.get("fix_versions", [])) or "no version yet"
        print(f"{pin['name']} {pin['version']}: {one['id']}, mended in {fixed}")
    print(f"{len(pins) - len(skipped)} pins audited, {len(known)} known faults")
    if skipped:
        print(f"{len(skipped)} pins NOT audited, such as {skipped[0]['name']}: {skipped[0]['skip_reason']}")
    return 1 if known else 2 if skipped or not pins else 0


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1:]))
