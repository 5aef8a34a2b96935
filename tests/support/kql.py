"""Kibana's query language, as much of it as the dashboards use, in Elasticsearch's: a value, its beginning, presence,
a comparison, ``and``, ``or``, ``not`` and brackets. Anything else is refused, so that nothing is
misunderstood in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

Json = dict[str, Any]
Read = TypeVar("Read")

COMPARISONS: Final = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}
TOKEN: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<sign>>=|<=|[<>:()*])|(?P<word>[^\s"<>:()*\\{}]+))')
NAMES: Final = ("and", "or", "not")


class KqlError(ValueError):
    """A query in a form that is not understood here."""


class Token(NamedTuple):
    """A piece of a query: a `quoted` text, a `sign`, or a `word`."""

    kind: str
    text: str

    def is_name(self, name: str) -> bool:
        """Tell whether this is an unquoted ``and``, ``or`` or ``not``."""
        return self.kind == "word" and self.text.lower() == name


END: Final = Token("end", "the end")


def translate(text: str) -> Json:
    """Return the query that Elasticsearch is asked; an empty text asks for everything."""
    if not text.strip():
        return {"match_all": {}}
    return _Parser(text).whole()


class _Parser:
    """Reads a query from left to right; ``not`` binds before ``and``, ``and`` before ``or``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_split(text), END]

    def whole(self) -> Json:
        found = self._either()
        if self._tokens[0] != END:
            raise self._fault()
        return found

    def _either(self) -> Json:
        """Read what is joined by ``or``, which binds last."""
        parts = self._list("or", self._all)
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def _all(self) -> Json:
        """Read what is joined by ``and``."""
        parts = self._list("and", self._one)
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def _one(self) -> Json:
        if self._tokens[0].is_name("not"):
            self._next()
            return {"bool": {"must_not": self._one()}}
        if self._tokens[0] == Token("sign", "("):
            return self._in_brackets(self._either)
        return self._condition()

    def _condition(self) -> Json:
        field, sign = self._word(), self._next()
        if sign.kind == "sign" and sign.text in COMPARISONS:
            return {"range": {field: {COMPARISONS[sign.text]: self._value().text}}}
        if sign != Token("sign", ":"):
            raise self._fault(sign)
        if self._tokens[0] == Token("sign", "*"):
            self._next()
            return {"exists": {"field": field}}
        if self._tokens[0] == Token("sign", "("):
            values = self._in_brackets(lambda: self._list("or", self._value))
            return {"bool": {"should": [_match(field, value) for value in values], "minimum_should_match": 1}}
        value = self._value()
        if value.kind == "word" and self._tokens[0] == Token("sign", "*"):
            self._next()
            return {"prefix": {field: {"value": value.text}}}
        return _match(field, value)

    def _list(self, name: str, read: Callable[[], Read]) -> list[Read]:
        parts = [read()]
        while self._tokens[0].is_name(name):
            self._next()
            parts.append(read())
        return parts

    def _in_brackets(self, read: Callable[[], Read]) -> Read:
        self._next()
        found = read()
        if self._tokens[0] != Token("sign", ")"):
            raise self._fault()
        self._next()
        return found

    def _word(self) -> str:
        token = self._next()
        if token.kind != "word" or token.text.lower() in NAMES:
            raise self._fault(token)
        return token.text

    def _value(self) -> Token:
        token = self._tokens[0]
        return self._next() if token.kind == "quoted" else Token("word", self._word())

    def _next(self) -> Token:
        return self._tokens.pop(0)

    def _fault(self, token: Token | None = None) -> KqlError:
        return KqlError(f"{self._text!r} is not understood at {(token or self._tokens[0]).text!r}")


def _match(field: str, value: Token) -> Json:
    """Translate one value: Kibana asks for a quoted text as a phrase; a field of type keyword makes no difference."""
    return {"match_phrase" if value.kind == "quoted" else "match": {field: value.text}}


def _split(text: str) -> list[Token]:
    tokens, position = [], 0
    while text[position:].strip():
        found = TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            raise KqlError(f"{text!r} is not understood at {text[position:].strip()!r}")
        tokens.append(Token(found.lastgroup, re.sub(r"\\(.)", r"\1", found[found.lastgroup])))
        position = found.end()
    return tokens
