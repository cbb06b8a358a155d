"""One target under libFuzzer, in a process of its own: in tests/, `python -m fuzz.guided NAME [libFuzzer's words]`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence


def main(words: Sequence[str]) -> None:
    """Runs until libFuzzer ends the process: 0 at the end of its time, another code behind a find."""
    import atheris

    from fuzz.quiet import be_quiet

    name, *rest = words
    with atheris.instrument_imports(include=["atipico"]):
        from fuzz.targets import load

        target = load(name)
    be_quiet()
    with tempfile.NamedTemporaryFile(suffix=".dict") as dictionary:
        dictionary.write(b"".join(b'"%b"\n' % _escaped(word) for word in target.words if 0 < len(word) < 64))
        dictionary.flush()
        own = [f"-max_len={target.longest}", f"-dict={dictionary.name}"]
        itself = f"{sys.executable} -m fuzz.guided {name}"  # how libFuzzer starts itself again when it merges
        atheris.Setup([itself, *own, *rest], lambda data: target.attack(bytes(data)))
        atheris.Fuzz()


def _escaped(word: bytes) -> bytes:
    return "".join(rf"\x{byte:02x}" for byte in word).encode()


if __name__ == "__main__":
    main(sys.argv[1:])
