"""A page as its reader takes it: the files that it shows are written, its commands typed, what they print compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^|\n\n)((?: {4}\S[^\n]*\n?)+)")
_COMMAND = re.compile(r"(\./\w+\.sh|\.venv/bin/|curl |make |git |\w+=\S+ \./)")


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
        found.append(Block(fence[1], fence[2], named[-1] if named else ""))
    return found


def commands(page: str) -> list[str]:
    """The indented lines of a page that are commands, what is said behind them left out, `\\` and quotes joined."""
    found: list[str] = []
    for run in _INDENTED.findall(page):
        for line in run.splitlines():
            if _COMMAND.match(line.strip()):
                found.append(re.split(r" {3,}", line.strip())[0])
            elif found and found[-1].count("'") % 2:
                found[-1] += "\n" + line.strip()
    return found


def add_lines(text: str, change: str) -> str:
    """The text with the `+` lines of a change put in where its other lines stand. Each must be found, once."""
    steps = [(line[:1], line[1:]) for line in change.splitlines()]
    old = "".join(line + "\n" for sign, line in steps if sign in " -")
    new = "".join(line + "\n" for sign, line in steps if sign in " +")
    assert text.count(old) == 1, f"the page changes lines that stand in the file {text.count(old)} times:\n{old}"
    return text.replace(old, new)


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
