"""UDF frames: a length as a varint, then so many bytes of one message; nothing between messages."""

from __future__ import annotations

from collections.abc import Iterable

from atipico.errors import Refused

MOST_BYTES = 16 * 2**20  # of one message; more is garbage, or an attack
_LENGTH_BITS = 35  # of five bytes, more than MOST_BYTES ever needs
POINT_TAG = b"\x8a\x01"  # field 17, length-delimited: the only message there are many of


def varint(number: int) -> bytes:
    """A non-negative number in base 128, lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def frame(message: bytes) -> bytes:
    """One message as it travels."""
    return varint(len(message)) + message


def point_frames(points: Iterable[bytes]) -> bytes:
    """Points as messages that travel, host to agent or back: both say `point = 17`."""
    out: list[bytes] = []
    for point in points:
        size = len(point)
        length = varint(size)
        out += (varint(2 + len(length) + size), POINT_TAG, length, point)
    return b"".join(out)


def point_of(message: bytes) -> bytes | None:
    """The point in a message's bytes, None when the message is another or holds more than a point."""
    if message[:2] != POINT_TAG:
        return None
    size, at, shift = 0, 2, 0
    for at in range(2, min(len(message), 12)):
        byte = message[at]
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:  # a length without an end
        return None
    return message[at + 1 :] if at + 1 + size == len(message) else None


class Splitter:
    """Cuts a stream of bytes, however torn, into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now. Raises Refused when the bytes can't be frames."""
        buffer = self._rest + data if self._rest else data
        messages: list[bytes] = []
        at, end = 0, len(buffer)
        while at < end:
            size, shift, body = 0, 0, at
            while body < end and shift <= _LENGTH_BITS:
                byte = buffer[body]
                body += 1
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            else:
                if shift <= _LENGTH_BITS:
                    break  # the rest of the length is still to come
            if size > MOST_BYTES or shift > _LENGTH_BITS:
                raise Refused(
                    f"the bytes on the socket are no frames, or a message of {size} bytes; at most {MOST_BYTES}"
                )
            if body + size > end:
                break
            messages.append(buffer[body : body + size])
            at = body + size
        self._rest = buffer[at:]
        return messages
