"""Terms that say whether an odd number of bits is set, bit by bit."""

from __future__ import annotations

from typing import Final

from pgcheck.isa.terms import Term

MANY: Final = 5
"""Bits that are worth finding at once."""


def parity(term: Term) -> tuple[Term, int] | None:
    """The number, and which of its bits, whose exclusive or a term is; None for any other, and where they are few."""
    if term.op != "xor" or term.width != 1:
        return None
    found: dict[Term, None] = {}
    waiting = [term]
    while waiting:
        part = waiting.pop()
        if part.op == "xor":
            waiting += part.args
        elif part.op == "extract" and part not in found:
            found[part] = None
        else:
            return None
    numbers = {bit.args[0] for bit in found}
    return (
        (numbers.pop(), sum(1 << bit.bounds[1] for bit in found)) if len(numbers) == 1 and len(found) >= MANY else None
    )
