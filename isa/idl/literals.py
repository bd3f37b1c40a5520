"""Numbers as IDL writes them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pgcheck.isa.idl.scopes import Value
from pgcheck.isa.idl.types import MAX_WIDTH, Bits
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import Item
from pgcheck.isa.terms import constant

_LITERAL: Final = re.compile(
    r"(?:(\d+|MXLEN)?'(s?)([bodh]?)([0-9a-fA-F_]+)|0([bx])([0-9a-fA-F_]+)(s?)|([0-9_]+)(s?))\Z"
)
MAX_DIGITS: Final = 2048
_BASES: Final = {"b": 2, "o": 8, "d": 10, "h": 16, "": 10, "x": 16}


@lru_cache(maxsize=1024)
def _value(text: str, longest: int | None) -> Value:
    match = _LITERAL.match(text)
    if match is None:
        raise Refusal(None, "this number cannot be read", found=text, expected="5, 8'hff, 32'd5, 4'b1010 or 0x1f")
    sized, sign, base, digits, prefix, prefixed, sign2, plain, sign3 = match.groups()
    is_signed = bool(sign or sign2 or sign3)
    if len(text) > MAX_DIGITS:
        raise Refusal(
            None, "this number is too long", found=f"{len(text)} characters", expected=f"at most {MAX_DIGITS}"
        )
    try:
        value = int((digits or prefixed or plain).replace("_", ""), _BASES[(base if digits else prefix) or ""])
    except ValueError:
        raise Refusal(None, "this number cannot be read", found=text) from None
    if sized == "MXLEN" and longest is None:
        raise Refusal(None, "no parameter MXLEN", hint="declare it under `params:`")
    width = longest if sized == "MXLEN" else int(sized) if sized else max(1, value.bit_length() + is_signed)
    if width is None or not 0 < width <= MAX_WIDTH:
        raise Refusal(None, "this width cannot be", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
    if value >> width:
        raise Refusal(None, f"{value} does not fit in {width} bits")
    return Value((constant(width, value),), Bits(width, is_signed), minimal=not sized and not (digits and sized == ""))


def literal(text: str, longest: int | None, item: Item) -> Value:
    """The value of the number at `item`; `longest` is what MXLEN stands for. Raises Refusal."""
    try:
        return _value(text, longest)
    except Refusal as refusal:
        refusal.item = item
        raise
