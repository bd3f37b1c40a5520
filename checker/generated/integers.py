"""Python's integers as terms: bit vectors wide enough for the interval that a number lies in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.generated.idioms import ite, meant
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, extract, land, lnot, lor, mask, mk

WIDEST: Final = 1 << 12


class Unknown(Exception):
    """Python that is not known here, by its name."""


@dataclass(frozen=True, slots=True)
class Number:
    """A Python integer from `low` to `high`: `term` read without a sign, or with one if `low` is negative; a Boolean is 0 or 1."""

    term: Term
    low: int
    high: int

    @property
    def constant(self) -> int | None:
        """The number, where it is one."""
        return self.low if self.low == self.high else None

    def modulo(self, width: int) -> Term:
        """The number modulo 2**width."""
        term = self.term
        if not term.width:
            return ite(term, constant(width, 1), constant(width, 0))
        if width < term.width:
            return extract(term, width - 1, 0)
        return mk("sext" if self.low < 0 else "zext", width, term)

    @property
    def truth(self) -> Term:
        """Whether it is not 0."""
        return lnot(eq(self.term, constant(self.term.width, 0))) if self.term.width else self.term

    def beyond(self, width: int) -> Term:
        """It is not a number of `width` bits without a sign (one bit where that is 0)."""
        width = width or 1
        if 0 <= self.low and self.high <= mask(width):
            return FALSE
        wide = max(width + 1, self.term.width)
        return lnot(eq(self.modulo(wide), mk("zext", wide, self.modulo(width))))


def known(value: int) -> Number:
    """A constant."""
    return Number(constant(bits(value, value), value), value, value)


def unsigned(term: Term) -> Number:
    """A bit vector, or a Boolean, read without a sign."""
    return Number(term, 0, mask(term.width or 1))


def bits(low: int, high: int) -> int:
    """The bits of a vector that holds every number of an interval: with a sign if one is negative."""
    if low >= 0:
        width = max(1, high.bit_length())
    else:
        width = max((-low - 1).bit_length(), high.bit_length() if high > 0 else 0) + 1
    if width > WIDEST:
        raise Unknown("a number without a bound")
    return width


def made(low: int, high: int, term: Callable[[int], Term]) -> Number:
    """The number of an interval whose value modulo 2**width is `term(width)`."""
    return Number(term(bits(low, high)), low, high)


def shifted(term: Term, number: Number, left: bool) -> Term:
    """A term shifted by a number of places that is not negative."""
    width, places = term.width, number.constant
    if left and places is not None:
        if places >= width:
            return constant(width, 0)
        return mk("concat", width, extract(term, width - 1 - places, 0), constant(places, 0)) if places else term
    op = "shl" if left else "lshr"
    if number.term.width <= width:
        return mk(op, width, term, number.modulo(width))
    inside = mk("ult", 0, number.term, constant(number.term.width, width))
    return ite(inside, mk(op, width, term, number.modulo(width)), constant(width, 0))


# ---- operators


def add(a: Number, b: Number) -> Number:
    return made(a.low + b.low, a.high + b.high, lambda w: meant("add", w, a.modulo(w), b.modulo(w)))


def sub(a: Number, b: Number) -> Number:
    return made(a.low - b.high, a.high - b.low, lambda w: meant("sub", w, a.modulo(w), b.modulo(w)))


def mul(a: Number, b: Number) -> Number:
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return made(min(ends), max(ends), lambda w: mk("mul", w, a.modulo(w), b.modulo(w)))


def negative(a: Number) -> Number:
    return made(-a.high, -a.low, lambda w: mk("neg", w, a.modulo(w)))


def inverted(a: Number) -> Number:
    return made(-a.high - 1, -a.low - 1, lambda w: mk("not", w, a.modulo(w)))


def conjoined(a: Number, b: Number) -> Number:
    """`a & b`."""
    positive = [n.high for n in (a, b) if n.low >= 0]
    low, high = (0, min(positive)) if positive else (min(a.low, b.low) * 2, max(a.high, b.high, 0))
    return made(low, high, lambda w: mk("and", w, a.modulo(w), b.modulo(w)))


def united(a: Number, b: Number) -> Number:
    """`a | b`; where they have no bit in common, one beside the other."""
    for upper, lower in ((a, b), (b, a)):
        if upper.low >= 0 and lower.low >= 0 and (places := lower.high.bit_length()):
            kept = _above(upper.term, places)
            if kept is not None:
                width = kept.width + places
                return Number(mk("concat", width, kept, lower.modulo(places)), 0, mask(width))
    return _joined("or", a, b)


def _above(term: Term, places: int) -> Term | None:
    """What stands above `places` zeros; None where that is not plain."""
    if term.op == "const" and term.value and not term.value & mask(places):
        return constant(term.value.bit_length() - places, term.value >> places)
    if term.op == "concat" and term.args[1] is constant(term.args[1].width, 0) and term.args[1].width >= places:
        return extract(term, term.width - 1, places)
    return None


def differing(a: Number, b: Number) -> Number:
    """`a ^ b`."""
    return _joined("xor", a, b)


def _joined(op: str, a: Number, b: Number) -> Number:
    if a.low >= 0 and b.low >= 0:
        low, high = 0, mask(max(a.high.bit_length(), b.high.bit_length()))
    else:
        width = max(bits(min(n.low, -1), max(n.high, 0)) for n in (a, b))
        low, high = -(1 << width - 1), mask(width - 1)
    return made(low, high, lambda w: mk(op, w, a.modulo(w), b.modulo(w)))


def left(a: Number, b: Number) -> Number:
    """`a << b`."""
    if b.low < 0:
        raise Unknown("a shift by what may be negative")
    if b.high > WIDEST:
        raise Unknown("a shift without a bound")
    if b.constant is not None and a.low >= 0:
        width = bits(a.low, a.high)
        term = mk("concat", width + b.low, a.modulo(width), constant(b.low, 0)) if b.low else a.modulo(width)
        return Number(term, a.low << b.low, a.high << b.low)
    ends = [x << y for x in (a.low, a.high) for y in (b.low, b.high)]
    return made(min(ends), max(ends), lambda w: shifted(a.modulo(w), b, left=True))


def right(a: Number, b: Number) -> Number:
    """`a >> b`."""
    if b.low < 0:
        raise Unknown("a shift by what may be negative")
    low, high = min(a.low >> b.low, a.low >> min(b.high, WIDEST)), max(a.high >> b.low, a.high >> min(b.high, WIDEST))
    width, places = a.term.width or 1, b.constant
    term = a.modulo(width)
    if places is not None:
        if places < width:
            return Number(extract(term, width - 1, places), low, high)
        return known(0) if a.low >= 0 else Number(extract(term, width - 1, width - 1), -1, 0)
    if a.low >= 0:
        return Number(shifted(term, b, left=False), low, high)
    wide = max(width, b.term.width)
    return Number(meant("ashr", wide, a.modulo(wide), b.modulo(wide)), low, high)


def bits_from(a: Number, places: int, width: int) -> Term:
    """`a >> places` modulo 2**width, taken from the number at once."""
    if a.low < 0 or a.term.width <= places:
        return right(a, known(places)).modulo(width)
    return unsigned(extract(a.term, min(a.term.width, places + width) - 1, places)).modulo(width)


def divided(a: Number, b: Number) -> Number:
    """`a // b`, where b is not 0."""
    return _whole("udiv", a, b)


def remainder(a: Number, b: Number) -> Number:
    """`a % b`, where b is not 0."""
    return _whole("urem", a, b)


def _whole(op: str, a: Number, b: Number) -> Number:
    """What a bit vector gives for division by 0 is part of the interval."""
    if a.low < 0 or b.low < 0:
        raise Unknown("a division of what may be negative")
    width = max(a.term.width, b.term.width, 1)
    return unsigned(mk(op, width, a.modulo(width), b.modulo(width)))


def chosen(guard: Term, a: Number, b: Number) -> Number:
    """`a if guard else b`."""
    if guard.is_constant:
        return a if guard is TRUE else b
    if a == b:
        return a
    low, high = min(a.low, b.low), max(a.high, b.high)
    if {a.constant, b.constant} == {0, 1}:
        return Number(guard if a.constant else lnot(guard), 0, 1)
    if all(not n.term.width or n.constant in (0, 1) for n in (a, b)):
        return Number(_decided(guard, a.truth, b.truth), low, high)
    width = bits(low, high)
    return Number(ite(guard, a.modulo(width), b.modulo(width)), low, high)


def _decided(guard: Term, a: Term, b: Term) -> Term:
    """The Boolean `a` where `guard` holds and `b` elsewhere; what decides is not told again."""
    if a is guard:
        return lor(guard, b)
    return land(guard, a) if b is guard else ite(guard, a, b)


def compared(op: str, a: Number, b: Number) -> Term:
    """The truth of `a < b`, `a <= b` or `a == b`."""
    if op == "eq" and (a.high < b.low or b.high < a.low):
        return FALSE
    if op == "eq" and not a.term.width and not b.term.width:
        return eq(a.term, b.term)
    if op != "eq":
        if a.high < b.low or (op == "le" and a.high == b.low):
            return TRUE
        if a.low > b.high or (op == "lt" and a.low == b.high):
            return FALSE
    if min(a.low, b.low) < 0:
        width = max(bits(min(n.low, -1), max(n.high, 0)) for n in (a, b))
        name = {"lt": "slt", "le": "sle", "eq": "eq"}[op]
    else:
        width = max(n.term.width if n.constant is None else bits(n.low, n.high) for n in (a, b))
        name = {"lt": "ult", "le": "ule", "eq": "eq"}[op]
    return mk(name, 0, a.modulo(width), b.modulo(width))
