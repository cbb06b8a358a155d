"""InfluxQL's text as tokens, each with the place that an error names."""

from __future__ import annotations

import re
from typing import NamedTuple

from atipico.errors import Refused

MOST_BYTES = 64 * 1024

# Words that are no names unless they stand in double quotes, as InfluxDB reserves them.
_RESERVED = """ALL ALTER ANALYZE ANY AS ASC BEGIN BY CARDINALITY CREATE CONTINUOUS DATABASE DATABASES DEFAULT DELETE
DESC DESTINATIONS DIAGNOSTICS DISTINCT DROP DURATION END EVERY EXACT EXPLAIN FIELD FOR FROM FUTURE GRANT GRANTS
GROUP GROUPS IN INF INSERT INTO KEY KEYS KILL LIMIT MEASUREMENT MEASUREMENTS NAME OFFSET ON ORDER PASSWORD PAST POLICY
POLICIES PRIVILEGES QUERIES QUERY READ REPLICATION RESAMPLE RETENTION REVOKE SELECT SERIES SET SHARD SHARDS SHOW
SLIMIT SOFFSET STATS SUBSCRIPTION SUBSCRIPTIONS TAG TO USER USERS VALUES WHERE WITH WRITE"""
KEYWORDS = frozenset(_RESERVED.split())
WORDS = frozenset({"AND", "OR", "TRUE", "FALSE"})  # reserved too, though InfluxDB counts them elsewhere

NS = {"ns": 1, "u": 10**3, "µ": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
NS |= {"d": 24 * NS["h"], "w": 7 * 24 * NS["h"]}

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<duration>[0-9]+[A-Za-zµ][A-Za-zµ0-9]*)
      | (?P<number>[0-9]*\.[0-9]+|[0-9]+\.?)
      | (?P<quoted>"(?:[^"\\\n]|\\["'\\n])*")
      | (?P<text>'(?:[^'\\\n]|\\["'\\n])*')
      | (?P<op>::|=~|!~|!=|<>|<=|>=|[-+*/%&|^=<>!(),;.$:])
    """,
    re.VERBOSE,
)
_REGEX = re.compile(r"/((?:[^/\\\n]|\\.)*)/")
_OPERANDS = frozenset({"name", "quoted", "text", "integer", "number", "duration", "regex", ")", "TRUE", "FALSE"})
_ESCAPE = re.compile(r"\\(.)")


class Token(NamedTuple):
    """kind: name, quoted, text, integer, number, duration, regex, end, a keyword in capitals, or an operator.

    value: what it stands for (a duration: ns). line and char count from 1, a text in single quotes one less, as
    InfluxDB counts.
    """

    kind: str
    value: str | int | float
    shown: str
    line: int
    char: int


def refused(what: str, line: int, char: int) -> Refused:
    """InfluxDB's form of a syntax error."""
    return Refused(f"error parsing query: {what} at line {line}, char {char}")


def tokens(text: str) -> list[Token]:
    """All tokens of a text, `end` last. Raises Refused for a text that is too long or holds what is no token."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Refused(f"error parsing query: {len(text)} characters; at most {MOST_BYTES} bytes are read")
    found: list[Token] = []
    at, line, start = 0, 1, 0  # start: where this line begins
    while at < len(text):
        match = _pattern(text, at, found)
        if match is None:
            char = at - start + (text[at] not in "\"'")
            raise refused(f"found {_broken(text, at)}, expected identifier, string, number, bool", line, char)
        if match.lastgroup != "space":
            found.append(_token(match, line, at - start + 1))
        if breaks := text.count("\n", at, match.end()):
            line, start = line + breaks, text.rindex("\n", at, match.end()) + 1
        at = match.end()
    behind = 1 if text[-1:].isspace() or (found and found[-1].kind in ("integer", "number", "duration")) else 2
    return [*found, Token("end", "", "EOF", line, at - start + behind)]


def _pattern(text: str, at: int, before: list[Token]) -> re.Match[str] | None:
    """A slash divides behind an operand, and opens a regular expression elsewhere."""
    operand = before and (before[-1].kind in _OPERANDS or (len(before) > 1 and before[-2].kind == "::"))
    if text[at] == "/" and not operand:
        return _REGEX.match(text, at)
    return _TOKEN.match(text, at)


def _broken(text: str, at: int) -> str:
    """What an unclosed text, name or pattern held, or the character that nothing begins with."""
    return text[at + 1 :].partition("\n")[0][:80] if text[at] in "\"'/" else text[at]


def _token(match: re.Match[str], line: int, char: int) -> Token:
    group, raw = match.lastgroup, match[0]
    match group:
        case "word":
            capital = raw.upper()
            if capital in KEYWORDS or capital in WORDS:
                return Token(capital, raw, capital, line, char)
            return Token("name", raw, raw, line, char)
        case "quoted" | "text":
            plain = _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], raw[1:-1])
            return Token(group, plain, plain, line, char - (group == "text"))
        case "duration":
            return Token("duration", duration(raw), raw, line, char)
        case "number":
            return _number(raw, line, char)
        case "op":
            return Token("!=" if raw == "<>" else raw, raw, raw, line, char)
    return Token("regex", match[1].replace("\\/", "/"), raw, line, char)


def _number(raw: str, line: int, char: int) -> Token:
    if "." in raw:
        return Token("number", float(raw), raw, line, char)
    if len(raw) > 19 or int(raw) > 2**63 - 1:
        raise refused("unable to parse integer", line, char)
    return Token("integer", int(raw), raw, line, char)


def duration(raw: str) -> int:
    """The ns of a text such as 1h30m. Raises Refused where it is none, or longer than 64 bits of ns."""
    parts = re.findall(r"([0-9]+)(ns|ms|[uµsmhdw])", raw)
    if "".join(number + unit for number, unit in parts) != raw or any(len(number) > 19 for number, _ in parts):
        raise Refused("error parsing query: invalid duration")
    ns = sum(int(number) * NS[unit] for number, unit in parts)
    if ns >= 2**63:
        raise Refused("error parsing query: invalid duration: it is longer than 64 bits of nanoseconds")
    return ns
