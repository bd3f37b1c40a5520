"""Terms of which some bits are known: three-valued evaluation, propagation and an exact search without a solver.

A value is a pair (mask, value): the bits of `mask` are known and stand in `value`, which is 0 elsewhere. Sound for every
operator (an unknown operator is known when all its arguments are), and exact when every variable is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.terms import OPERATORS, Name, Term

Bits = tuple[int, int]
Known = dict[Name, Bits]

_YES: Final[Bits] = (1, 1)
_NO: Final[Bits] = (1, 0)
_UNKNOWN: Final[Bits] = (0, 0)


class Exhausted(Exception):
    """The search visited as many nodes as it was allowed without an answer."""


def value(term: Term, known: Known) -> Bits:
    """What is known of `term` (without arrays and function symbols) when its variables are `known`."""
    op, args, width = term.op, term.args, term.width
    if op == "const":
        return terms.mask(width) if width else 1, term.value
    if op == "var":
        return known.get(term.name, _UNKNOWN)
    if op == "land" or op == "lor":
        stop = _NO if op == "land" else _YES
        first = value(args[0], known)
        if first == stop:
            return stop
        second = value(args[1], known)
        return second if second == stop or first[0] else _UNKNOWN
    if op == "lnot":
        mask, bits = value(args[0], known)
        return (1, 1 - bits) if mask else _UNKNOWN
    if op == "ite":
        guard = value(args[0], known)
        if guard[0]:
            return value(args[1] if guard[1] else args[2], known)
        (m0, v0), (m1, v1) = value(args[1], known), value(args[2], known)
        mask = m0 & m1 & ~(v0 ^ v1)
        return mask, v0 & mask
    operands = [value(a, known) for a in args]
    full = all(m == (terms.mask(a.width) if a.width else 1) for (m, _), a in zip(operands, args, strict=True))
    if full:
        row = OPERATORS[op]
        result = row.python(width, tuple(a.width for a in args), term.data, *(v for _, v in operands))
        return terms.mask(width) if width else 1, result
    return _partly(term, operands)


def _partly(term: Term, operands: Sequence[Bits]) -> Bits:
    args, width = term.args, term.width
    (m0, v0), (m1, v1) = operands[0], operands[-1]
    match term.op:
        case "eq":
            return _NO if m0 & m1 & (v0 ^ v1) else _UNKNOWN
        case "ult" | "ule":
            high0, high1 = v0 | terms.mask(args[0].width) & ~m0, v1 | terms.mask(args[1].width) & ~m1
            strict = term.op == "ult"
            if high0 < v1 or not strict and high0 == v1:
                return _YES
            return _NO if v0 > high1 or strict and v0 == high1 else _UNKNOWN
        case "and":
            mask = m0 & m1 | m0 & ~v0 | m1 & ~v1
            return mask, v0 & v1 & mask
        case "or":
            mask = m0 & m1 | v0 | v1
            return mask, (v0 | v1) & mask
        case "xor":
            return m0 & m1, (v0 ^ v1) & m0 & m1
        case "not":
            return m0, ~v0 & m0
        case "concat":
            low = args[1].width
            return m0 << low | m1, v0 << low | v1
        case "extract":
            low = term.bounds[1]
            return m0 >> low & terms.mask(width), v0 >> low & terms.mask(width)
        case "zext":
            return m0 | terms.mask(width) ^ terms.mask(args[0].width), v0
        case "sext":
            inner = args[0].width
            top = terms.mask(width) ^ terms.mask(inner) if m0 >> (inner - 1) & 1 else 0
            return m0 | top, v0 | (top if v0 >> (inner - 1) & 1 else 0)
    return _UNKNOWN


def holds(term: Term, known: Known) -> bool:
    """Whether the Boolean `term` is true whatever the unknown bits are."""
    return value(term, known) == _YES


def force(term: Term, wanted: Bits, known: Known) -> bool:
    """Narrow `known` by what follows from `term` having the `wanted` bits; False if it cannot have them."""
    mask, want = wanted
    have, bits = value(term, known)
    if have & mask & (bits ^ want):
        return False
    mask &= ~have
    if not mask:
        return True
    want &= mask
    args = term.args
    match term.op:
        case "var":
            known[term.name] = (have | mask, bits | want)
        case "lnot":
            return force(args[0], (1, 1 - want), known)
        case "land" | "lor":
            all_wanted = 1 if term.op == "land" else 0
            if want == all_wanted:
                return force(args[0], wanted, known) and force(args[1], wanted, known)
            for one, other in (args, args[::-1]):
                if value(one, known) == (1, all_wanted):
                    return force(other, wanted, known)
        case "ite":
            guard = value(args[0], known)
            if guard[0]:
                return force(args[1] if guard[1] else args[2], (mask, want), known)
        case "eq" if want:
            return force(args[1], value(args[0], known), known) and force(args[0], value(args[1], known), known)
        case "eq" if args[0].width == 0:
            for one, other in (args, args[::-1]):
                if (first := value(one, known))[0]:
                    return force(other, (1, 1 - first[1]), known)
        case "concat":
            low = args[1].width
            kept = terms.mask(low)
            return force(args[0], (mask >> low, want >> low), known) and force(
                args[1], (mask & kept, want & kept), known
            )
        case "extract":
            low = term.bounds[1]
            return force(args[0], (mask << low, want << low), known)
        case "zext" | "sext":
            kept = terms.mask(args[0].width)
            return force(args[0], (mask & kept, want & kept), known)
    return True


def conjuncts(term: Term) -> Iterator[Term]:
    """The terms whose conjunction `term` is, in order."""
    stack = [term]
    while stack:
        top = stack.pop()
        if top.op == "land":
            stack += top.args[::-1]
        elif top is not terms.TRUE:
            yield top


def search(constraints: Iterable[Term], known: Known, budget: int) -> Iterator[Known]:
    """Every way, as disjoint partial assignments, to make the Boolean `constraints` true; bits left unknown are free.

    Unknown bits are tried with 0 first. Raises Exhausted after `budget` nodes.
    """
    start = [part for term in constraints for part in conjuncts(term)]
    stack: list[tuple[list[Term], Known]] = [(start, dict(known))]
    while stack:
        budget -= 1
        if budget < 0:
            raise Exhausted
        todo, here = stack.pop()
        left = _propagate(todo, here)
        if left is None:
            continue
        if not left:
            yield here
            continue
        open_ = _open_bit(left[0], 1, here)
        assert open_, "a term without unknown variables has a value"
        name, bit = open_
        mask, bits = here.get(name, _UNKNOWN)
        stack += [(left, {**here, name: (mask | bit, bits | choice)}) for choice in (bit, 0)]


_BITWISE: Final = frozenset({"and", "or", "xor", "not"})


def _open_bit(term: Term, mask: int, known: Known) -> tuple[Name, int] | None:
    """A variable and an unknown bit of it on which the unknown bits of `term` under `mask` depend."""
    mask &= ~value(term, known)[0]
    if not mask:
        return None
    args = term.args
    match term.op:
        case "var":
            return term.name, 1 << mask.bit_length() - 1
        case "extract":
            return _open_bit(args[0], mask << term.bounds[1], known)
        case "concat":
            low = args[1].width
            wanted = [mask >> low, mask & terms.mask(low)]
        case "sext":
            inner = args[0].width
            wanted = [mask & terms.mask(inner) | (1 << inner - 1 if mask >> inner else 0)]
        case op:
            wanted = [mask if op in _BITWISE or op == "zext" else terms.mask(a.width) if a.width else 1 for a in args]
            if op == "ite":
                wanted[1:] = [mask, mask]
    return next(filter(None, (_open_bit(a, w, known) for a, w in zip(args, wanted, strict=True))), None)


def _propagate(todo: list[Term], known: Known) -> list[Term] | None:
    """Narrow `known` to a fixed point; the constraints that are not settled yet, or None if one is false."""
    while True:
        before = dict(known)
        if not all(force(term, _YES, known) for term in todo):
            return None
        todo = [term for term in todo if not holds(term, known)]
        if known == before:
            return todo
