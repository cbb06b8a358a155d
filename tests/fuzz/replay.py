"""Inputs through a target once more, without libFuzzer: in tests/, `python -m fuzz.replay NAME FILE ...`."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from fuzz.quiet import be_quiet
from fuzz.targets import load

_SLOW_S = 10.0


def replay(name: str, files: list[Path]) -> list[Path]:
    """Those that fail, each with its trace on standard error. One that takes longer than 10 s fails."""
    target, failed = load(name), []
    for file in files:
        begun = time.monotonic()
        try:
            target.attack(file.read_bytes())
            assert time.monotonic() - begun < _SLOW_S, f"took {time.monotonic() - begun:.1f} s"
        except Exception:
            print(f"{file}: {file.read_bytes()[:400]!r}\n{traceback.format_exc()}", file=sys.stderr)
            failed.append(file)
    return failed


if __name__ == "__main__":
    be_quiet()
    sys.exit(bool(replay(sys.argv[1], [Path(word) for word in sys.argv[2:]])))
