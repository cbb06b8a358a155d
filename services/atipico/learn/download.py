"""One file over HTTP: bounded, resumed where it broke off, and there only when its hash is the right one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import requests

from atipico.errors import NotYet, Refused
from atipico.learn.progress import Step

_TIMEOUT_S = (10, 60)  # to connect, and for the next bytes
_BLOCK, _SHORT = 2**16, 2**20  # bytes; what is left of a block when the connection breaks is lost
_SHOWN = 200  # bytes of an answer that an error tells
_AGENT = {"User-Agent": "atipico", "Accept-Encoding": "identity"}  # else lengths are those of something packed


class Hash(NamedTuple):
    """kind: sha256 or md5. hex: small letters."""

    kind: str
    hex: str


def download(url: str, part: Path, wanted: Hash, most: int, step: Step) -> None:
    """Get `url` into the file `part`: whole and of the wanted hash when this returns.

    What came before a connection broke stays there and is gone on from. Raises NotYet when nobody answers or the
    connection breaks, Refused for an answer that is none, more than `most` bytes, or another hash.
    """
    resumed = _rest(url, part, most, step)
    if resumed and _hash(part, wanted.kind) != wanted.hex:  # perhaps the halves of two files
        part.unlink()
        _rest(url, part, most, step)
    if (found := _hash(part, wanted.kind)) != wanted.hex:
        with part.open("rb") as file:
            begins = _shown(file.read(_SHOWN // 4))
        part.unlink()
        raise Refused(
            f"{url}: its {wanted.kind} is {found}, needed {wanted.hex}; it is not the file that was meant: it begins "
            f"with {begins!r}"
        )


def ask(url: str) -> bytes:
    """A short answer, at most 1 MiB. Raises as `download` does."""
    body = b""
    with _answer(url, {}) as answer:
        for block in _blocks(answer, url):
            body += block
            if len(body) > _SHORT:
                raise Refused(f"{url}: more than {_SHORT} bytes, where a short answer was awaited")
    return body


def _rest(url: str, part: Path, most: int, step: Step) -> bool:
    """Append what is missing to `part`. True when something was there before, and was kept."""
    there = part.stat().st_size if part.is_file() else 0
    with _answer(url, {"Range": f"bytes={there}-"} if there else {}) as answer:
        if answer.status_code == 416:  # nothing is missing
            return True
        done = there if answer.status_code == 206 else 0
        packed = answer.headers.get("Content-Encoding", "identity") != "identity"  # though nobody asked for that
        length = "" if packed else answer.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else None
        if (total or 0) > most:
            raise Refused(f"{url}: {total} bytes, at most {most} are taken; raise [get] most")
        step(done, total)
        with part.open("ab" if done else "wb") as file:
            for block in _blocks(answer, url):
                done += len(block)
                if done > most:
                    raise Refused(f"{url}: more than {most} bytes, which is all that is taken; raise [get] most")
                file.write(block)
                step(len(block), total)
    return answer.status_code == 206


def _blocks(answer: requests.Response, url: str) -> Iterator[bytes]:
    try:
        yield from answer.iter_content(_BLOCK)
    except requests.RequestException as error:
        raise NotYet(f"{url}: the connection broke; the same command goes on from what came") from error


def _answer(url: str, headers: dict[str, str]) -> requests.Response:
    try:
        answer = requests.get(url, headers={**_AGENT, **headers}, stream=True, timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        raise NotYet(f"{url}: no answer; is this machine online? ({type(error).__name__})") from error
    if answer.status_code not in (200, 206, 416):
        later = answer.status_code in (408, 425, 429) or answer.status_code >= 500
        raise (NotYet if later else Refused)(f"{url} answered {answer.status_code} {answer.reason}{_why(answer)}")
    return answer


def _why(answer: requests.Response) -> str:
    """What a server says of it in JSON, as OpenML does: a page for people says nothing that helps."""
    with answer:
        if "json" not in answer.headers.get("Content-Type", ""):
            return ""
        try:
            return f": {_shown(next(answer.iter_content(_SHOWN), b''))}"
        except requests.RequestException:
            return ""


def _shown(begins: bytes) -> str:
    return " ".join(begins.decode(errors="replace").split())


def _hash(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
