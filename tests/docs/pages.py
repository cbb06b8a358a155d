"""A page as its reader takes it: the files that it shows are written, its commands typed, what they print compared."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(\./\w+\.sh|\.venv/bin/|curl |make |git |\w+=\S+ \.(/|venv/))")


class Block(NamedTuple):
    """kind: sh (commands), text (what the ones before print), diff (lines to add), or a file's content.

    path: the last file named in `code` before the block, for what is a file's content or a change to it.
    """

    kind: str
    text: str
    path: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page in their order."""
    found = []
    for fence in _FENCE.finditer(page):
        before = _FENCE.sub("", page[: fence.start()])
        named = re.findall(r"`([\w./-]+\.\w+)`", before)
        found.append(Block(fence[2], fence[3], named[-1] if named else ""))
    return found


def commands(page: str) -> list[str]:
    """The indented lines of a page that are commands, without what is said behind them; an open quote goes on."""
    found: list[str] = []
    for line in (line.strip() for line in _FENCE.sub("", page).splitlines() if line.startswith("    ")):
        if _COMMAND.match(line):
            found.append(re.split(r" {3,}", line)[0])
        elif found and found[-1].count("'") % 2:
            found[-1] += "\n" + line
    return found


def add_lines(text: str, change: str) -> str:
    """The text with the `-` lines of a change taken out and its `+` lines put in. `…` stands for the rest of a line.

    The lines that are not added must be found in the text, together and once.
    """
    steps = [(line[:1], line[1:]) for line in change.splitlines()]
    old = "".join(line + "\n" for sign, line in steps if sign in " -")
    new = "".join(line + "\n" for sign, line in steps if sign in " +")
    places = list(re.finditer("(?m)^" + "([^\n]*)".join(re.escape(part) for part in old.split("…")), text))
    assert len(places) == 1, f"the page changes lines that stand in the file {len(places)} times:\n{old}"
    rests = iter(places[0].groups())
    filled = re.sub("…", lambda _: next(rests), new)
    return text[: places[0].start()] + filled + text[places[0].end() :]


def agrees(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed; `…` stands for anything within a line, blanks at an end do not count."""
    pattern = "[^\n]*".join(re.escape(part) for part in _trimmed(shown).split("…"))
    return re.fullmatch(pattern, _trimmed(printed)) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def links(page: Path) -> list[str]:
    """The relative links of a page, without their anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [link.partition("#")[0] for link in found if not re.match(r"\w+:|#", link)]


def pictures(pdf: bytes) -> int:
    """How many pictures a PDF shows; what makes parts of one transparent counts for none."""
    packed = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    text = pdf + b"".join(_inflated(one) for one in packed)
    return len(re.findall(rb"/Subtype\s*/Image", text)) - len(re.findall(rb"/SMask\s+\d", text))


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed)
    except zlib.error:
        return b""
