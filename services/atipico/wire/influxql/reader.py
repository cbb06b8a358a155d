"""Walking along the tokens: look, take, or refuse in InfluxDB's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from atipico.errors import Refused
from atipico.wire.influxql.lexer import Token, refused, tokens

DEEPEST = 64  # levels of parentheses, calls, operators and subqueries in one another


class Reader:
    """The tokens of one text and the place in them."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self.depth = 0  # of the expression being read
        self.operators = 0  # of all that was read

    @property
    def next(self) -> Token:
        """The token that was not taken yet."""
        return self._tokens[self._at]

    @property
    def after(self) -> Token:
        """The token behind the next."""
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def taken(self, *kinds: str) -> bool:
        """Take the next tokens if they are of these kinds, in this order."""
        if [token.kind for token in self._tokens[self._at : self._at + len(kinds)]] != list(kinds):
            return False
        self._at += len(kinds)
        return True

    def expect(self, kind: str, shown: str | None = None) -> Token:
        """Take the next token, which must be of this kind."""
        if self.next.kind != kind:
            raise self.unexpected(shown or kind)
        return self.take()

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """One level deeper, while it lasts: no text can exhaust the stack."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused(f"error parsing query: nested deeper than {DEEPEST} levels; write it flatter")
        yield
        self.depth -= 1

    def word(self) -> str:
        """The next token as a bare word in capitals, "" when it is none."""
        token = self.next
        return token.shown.upper() if token.kind == "name" or token.kind.isupper() else ""

    def name(self) -> str:
        """Take a name, bare or in double quotes."""
        if self.next.kind not in ("name", "quoted"):
            raise self.unexpected("identifier")
        return str(self.take().value)

    def integer(self) -> int:
        """Take a whole number."""
        return int(self.expect("integer").value)

    def unexpected(self, *expected: str) -> Refused:
        """The refusal of the next token."""
        token = self.next
        return refused(f"found {token.shown}, expected {', '.join(expected)}", token.line, token.char)
