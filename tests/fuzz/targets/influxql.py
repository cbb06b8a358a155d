"""InfluxQL: whatever is read can be written, and is the same then."""

from __future__ import annotations

from atipico.errors import Refused
from atipico.wire.influxql import parse, write
from atipico.wire.influxql.lexer import KEYWORDS, NS
from atipico.wire.influxql.lexer import WORDS as MORE

WORDS = [word.encode() for word in sorted({*KEYWORDS, *MORE, *NS, "time", "fill", "mean", "now()"})]
WORDS += [
    b"=~ /a/",
    b"!~",
    b"::field",
    b"::tag",
    b'"m"',
    b"'x'",
    b"\\'",
    b'\\"',
    b"1.",
    b".5",
    b"--",
    b";",
    b"..",
    b"*",
]


def attack(data: bytes) -> None:
    text = data.decode(errors="replace")
    refused = ""
    try:
        statements = parse(text)
    except Refused as error:
        statements, refused = (), str(error)
    assert refused.startswith("error parsing query: " if refused else "")
    for statement in statements:
        assert parse(write(statement)) == (statement,)
