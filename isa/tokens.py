"""The tokens of IDL."""

from __future__ import annotations

import re
from typing import Final

END: Final = "END"

_NAME: Final = "[a-zA-Z][a-zA-Z0-9_]*"
_SIGNS: Final = "`<<|>>>|<<|>>|<=|>=|==|!=|&&|[|][|]|->|::|[+][+]|--|`[+*-]|[-+*/%&|^~!<>=?:;,.(){}\\[\\]]"
_PATTERN: Final = re.compile(
    rf"""\s+|\#[^\n]*
    |(?P<DESCRIPTION>description\s*\{{[^}}]{{0,9999}}\}})
    |(?P<CSR>CSR\s*\[\s*[a-z][a-z0-9_.]*\s*\])
    |(?P<BITS>Bits\s*<)
    |(?P<TEMPLATED>{_NAME}\??<(?=[^;{{}}&|]{{0,199}}>\s*\())
    |(?P<PREDICATE>{_NAME}\?(?=\s*[({{]))
    |(?P<INT>(?:[0-9]+|MXLEN)?'s?[bodh]?[0-9a-fA-FxX][0-9a-fA-FxX_]*|0b[01_]+s?|0x[0-9a-fA-F_]+s?|[0-9][0-9_]*s?)
    |(?P<NAME>{_NAME})
    |(?P<VERSION>%version:\s*[0-9]+\.[0-9]+)
    |(?P<SIGN>{_SIGNS})
    |(?P<DOLLAR>\$[a-z_]+\??)
    |(?P<STRING>"[^"]*")
    |(?P<STRAY>.)""",
    re.VERBOSE,
)
_KEYWORDS: Final = {
    "if": "if", "else": "else", "for": "for", "return": "return", "$pc": "PC", "$encoding": "ENCODING",
}  # fmt: skip


class Token(str):
    """A token: its text, its kind and its offset."""

    __slots__ = ("kind", "start")
    depth: Final = 0
    kind: str
    start: int

    def __new__(cls, value: str, kind: str, start: int) -> Token:
        token = str.__new__(cls, value)
        token.kind, token.start = kind, start
        return token


class Tokens:
    """The tokens of a text, side by side: kinds (a sign or keyword is its own), texts and offsets; `END` comes last."""

    __slots__ = ("kinds", "starts", "values")

    def __init__(self, text: str) -> None:
        self.kinds: list[str] = []
        self.values: list[str] = []
        self.starts: list[int] = []
        for match in _PATTERN.finditer(text):
            kind = match.lastgroup
            if kind is None:
                continue
            value = match.group()
            if kind == "SIGN":
                kind = value
            elif kind == "NAME" or kind == "DOLLAR":
                kind = _KEYWORDS.get(value, kind)
            self.kinds.append(kind)
            self.values.append(value)
            self.starts.append(match.start())
        for _ in range(4):  # so that looking ahead needs no test
            self.kinds.append(END)
            self.values.append("")
            self.starts.append(len(text.rstrip()))
