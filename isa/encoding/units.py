"""Instructions as terms over the units that they are read from: what an encoding accepts, and the operands that it finds there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce

from pgcheck.isa import terms
from pgcheck.isa.encoding.fields import Decode, Encoding, Slot
from pgcheck.isa.terms import Term


def unit(decode: Decode, number: int) -> Term:
    """A unit of an instruction after its prefixes, by a name that no operand has."""
    return terms.variable(decode.unit, f"unit {number}")


def word(decode: Decode, first: int, count: int) -> Term:
    """The word that `count` units from number `first` make."""
    parts = [unit(decode, first + i) for i in range(count)]
    result, *rest = parts if decode.order == "big" else parts[::-1]
    for part in rest:
        result = terms.mk("concat", result.width + part.width, result, part)
    return result


def matched(word: Term, mask: int, value: int) -> Iterator[Term]:
    """That the bits of `mask` in `word` are those of `value`, run by run."""
    low = 0
    while mask >> low:
        if not mask >> low & 1:
            low += 1
            continue
        width = (~(mask >> low) & ((mask >> low) + 1)).bit_length() - 1
        yield terms.eq(terms.extract(word, low + width - 1, low), terms.constant(width, value >> low))
        low += width


def held(slot: Slot, word: Term) -> Term:
    """The operand that a slot holds, over the word of its step."""
    pieces = [terms.extract(word, low + count - 1, low) for _, low, count in slot.pieces]
    if slot.shift:
        pieces.insert(0, terms.constant(slot.shift, 0))
    result = reduce(lambda low, high: terms.mk("concat", high.width + low.width, high, low), pieces)
    return terms.mk("sext" if slot.signed else "zext", slot.width, result)


def applied(condition: Term, operands: Mapping[Term, Term]) -> Term:
    """A condition of an encoding on the operands that were read."""
    return _substituted(condition, tuple((v, operands[v]) for v in terms.walk([condition]) if v.op == "var"))


@lru_cache(maxsize=65536)
def _substituted(condition: Term, leaves: tuple[tuple[Term, Term], ...]) -> Term:
    return terms.substitute([condition], dict(leaves))[0]


@dataclass(frozen=True, slots=True)
class Reading:
    """What decoding does with units: whether the encoding `accepts` them, each operand where it does, and how many `units` it reads at most."""

    accepts: Term
    operands: Mapping[str, Term]
    units: int


def read(encoding: Encoding) -> Reading:
    """An encoding over the units after the prefixes; prefix operands are variables of their names, 0 where the encoding takes none."""
    decode, zeros = encoding.decode, {}
    for name, operand in encoding.operands.items():
        zeros[terms.variable(operand.width, name)] = terms.constant(operand.width, 0)
    allowed: list[Term] = []
    for name, row in decode.prefixes.items():
        width = decode.prefix_width(name)
        prefix = zeros[terms.variable(width, name)] = terms.variable(width, name)
        taken = sorted({0, *row.values()}) if name in encoding.prefixes else [0]
        allowed.append(terms.disjunction(terms.eq(prefix, terms.constant(width, v)) for v in taken))
    paths = [(terms.conjunction(allowed), zeros, 0)]
    for step in encoding.steps:
        longer: list[tuple[Term, dict[Term, Term], int]] = []
        for when, operands, at in paths:
            present = applied(step.when, operands)
            here = word(decode, at, step.units)
            fits = terms.conjunction([when, present, *matched(here, step.mask, step.value)])
            found = {terms.variable(s.width, s.name): held(s, here) for s in step.slots}
            longer.append((fits, {**operands, **found}, at + step.units))
            longer.append((terms.land(when, terms.lnot(present)), operands, at))
        paths = [path for path in longer if path[0] is not terms.FALSE]
    accepts, found_in, most = terms.FALSE, dict(zeros), 0
    for when, operands, at in paths:
        fits = terms.land(when, applied(encoding.when, operands))
        accepts, most = terms.lor(accepts, fits), max(most, at)
        found_in = {v: terms.ite(fits, operands[v], other) for v, other in found_in.items()}
    values = {n: found_in[terms.variable(o.width, n)] for n, o in encoding.operands.items()}
    return Reading(accepts, values, most)
