"""The value of one field of the line protocol, as InfluxDB 1.8 reads it: float, integer, boolean or text."""

from __future__ import annotations

import math
import re

from atipico.wire.sample import Value

BOOLEANS = {text: text[0] in b"tT" for text in b"t T true True TRUE f F false False FALSE".split()}
LOWEST, HIGHEST = -(2**63), 2**63 - 1
_INTEGER = re.compile(rb"-?\d+(?=[iu]\Z)")
_UNSIGNED = ord("u")
_FLOAT = re.compile(rb"-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SCIENTIFIC = re.compile(rb"-?(?:\d+\.?\d*|\.\d+)[eE][-+\deE.]*")
_STRING_ESCAPE = re.compile(r'\\(["\\])')


def text(quoted: bytes) -> str:
    """What stands between the quotes, `\\"` and `\\\\` undone. Raises UnicodeDecodeError when it is not UTF-8."""
    return _STRING_ESCAPE.sub(r"\1", quoted.decode())


def number_or_boolean(token: bytes) -> tuple[Value, str]:
    """An unquoted value and its kind (f, i, u or b). Raises ValueError in InfluxDB's words."""
    if not token:
        raise ValueError("missing field value")
    if token in BOOLEANS:
        return BOOLEANS[token], "b"
    found = _INTEGER.match(token)
    if found and not (token[-1] == _UNSIGNED and token[0:1] == b"-"):
        return _integer(found[0].decode()), chr(token[-1])
    if _FLOAT.fullmatch(token):
        if math.isinf(number := float(token)):
            raise ValueError("invalid float")
        return number, "f"
    if _SCIENTIFIC.fullmatch(token):
        raise ValueError("invalid float")
    raise ValueError("invalid number" if token[0] in b"0123456789.-Nn" else "invalid boolean")


def _integer(digits: str) -> int:
    if len(digits) < 4000 and LOWEST <= int(digits) <= HIGHEST:  # int() refuses more digits with words of its own
        return int(digits)
    raise ValueError(f'unable to parse integer {digits}: strconv.ParseInt: parsing "{digits}": value out of range')
