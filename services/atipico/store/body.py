"""The body of a request, gzip undone, both within a bound."""

from __future__ import annotations

import zlib

from flask import Request

from atipico.errors import Refused

_GZIP = 31  # window bits that mean: with gzip's head and tail
_MEMBERS = 100


class TooLarge(Refused):
    """The body is larger than it may be; the words are InfluxDB's."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Request Entity Too Large: a body may have {most} bytes, packed and unpacked; send less at once"
        )


def read_body(request: Request, most: int) -> bytes:
    """All of the body. Raises TooLarge, and Refused when it is not whole: its end was cut off with its connection.

    Where no length was told (chunks) the end of a gzip tells, or that of a line.
    """
    if (request.content_length or 0) > most:
        raise TooLarge(most)
    data = request.stream.read(most + 1) if request.content_length is None else request.stream.read()
    if len(data) > most:
        raise TooLarge(most)
    if request.headers.get("Content-Encoding") == "gzip":
        return inflate(data, most)
    if request.content_length is None and data and not data.endswith(b"\n"):
        raise Refused("unexpected EOF: a body without a Content-Length ends with a newline")
    return data


def inflate(data: bytes, most: int) -> bytes:
    """Undo gzip; never makes more than `most` bytes. Raises TooLarge, Refused."""
    whole = bytearray()
    for _ in range(_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        try:
            whole += member.decompress(data, most + 1 - len(whole))
        except zlib.error as error:
            raise Refused(f"gzip: invalid header or data ({error})") from None
        if len(whole) > most:
            raise TooLarge(most)
        if not member.eof:
            raise Refused("unexpected EOF")
        if not (data := member.unused_data):
            return bytes(whole)
    raise Refused(f"gzip: more than {_MEMBERS} members in one body")
