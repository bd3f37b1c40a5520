"""Instructions of two machines that share some words and not all, cut into the words of both and those of one alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pgcheck.isa.encoding.coverage import accepts, overlaps
from pgcheck.isa.encoding.fields import Encoding, Operand, Slot, Step
from pgcheck.isa.encoding.units import applied, held, matched
from pgcheck.isa.idl.types import Bits
from pgcheck.isa.joint.code import OF_HOST
from pgcheck.isa.machine.machine import Instruction
from pgcheck.isa.terms import TRUE, Term, conjunction, eq, knownbits, lnot, operand, rewrite, variable

WORD: Final = "the word"
"""The operand that holds all bits of an instruction that was cut; no specification can call one so."""
_BUDGET: Final = 2000

Shared = Mapping[str, Sequence[Instruction]]


@dataclass(frozen=True, slots=True)
class Sharing:
    """By id, the instructions of the other machine that share words with a guest's or a host's; `uncut` are pairs (guest, host) that cannot be cut."""

    guests: Shared
    hosts: Shared
    uncut: tuple[tuple[str, str], ...]


def sharing(guests: Sequence[Instruction], hosts: Sequence[Instruction]) -> Sharing:
    """Which of these share words: none of one machine does with another of it."""
    mine, theirs = {i.id: i for i in guests}, {OF_HOST + i.id: i for i in hosts}
    named = {**mine, **theirs}
    found = overlaps({n: i.encoding for n, i in named.items() if i.encoding is not None}).found
    pairs = [(mine[o.a], theirs[o.b]) for o in found if o.a in mine and o.b in theirs]
    uncut = tuple((g.id, h.id) for g, h in pairs if not _alike(g, h))
    return Sharing(
        {g.id: [h for other, h in pairs if other is g] for g, _ in pairs},
        {h.id: [g for g, other in pairs if other is h] for _, h in pairs},
        uncut,
    )


def _alike(guest: Instruction, host: Instruction) -> bool:
    """Whether both are one run of as many units, without prefixes."""
    one, other = _run(guest), _run(host)
    return one is not None and other is not None and one.units == other.units


def _run(instruction: Instruction) -> Step | None:
    encoding = instruction.encoding
    if encoding is None or encoding.prefixes or len(encoding.steps) != 1:
        return None
    return encoding.steps[0] if encoding.steps[0].when is TRUE else None


def host_operands(host: Instruction) -> dict[str, str]:
    """What the operands of a host's instruction are called beside those of a guest's."""
    return {name: OF_HOST + name for name in host.operands}


def of_both(guest: Instruction, host: Instruction) -> Instruction:
    """The guest's instruction for the words that are the host's too, with the operands of both."""
    names, (mine, step), (theirs, other) = host_operands(host), _parts(guest), _parts(host)
    slots = tuple(replace(slot, name=names[slot.name]) for slot in other.slots)
    when = _renamed(theirs.when, names)
    cut = _cut(
        mine, replace(step, mask=step.mask | other.mask, value=step.value | other.value, slots=(*step.slots, *slots))
    )
    cut = replace(cut, operands={**cut.operands, **{names[n]: o for n, o in theirs.operands.items()}})
    operands = {**guest.operands, **{names[n]: t for n, t in host.operands.items()}}
    identifier = guest.id if guest.id == host.id else f"{guest.id} / {host.id}"
    return _instruction(replace(guest, id=identifier, operands=operands), _demanding(cut, when))


def alone(instruction: Instruction, others: Sequence[Instruction]) -> Iterator[Instruction]:
    """The instruction for the words that none of the others has, if there are any."""
    mine, step = _parts(instruction)
    cut = _cut(mine, step)
    word = variable(step.units * mine.decode.unit, WORD)
    cut = _demanding(cut, conjunction(lnot(_accepted(other, word)) for other in others))
    try:
        if next(knownbits.search((accepts(cut),), {}, _BUDGET), None) is None:
            return
    except knownbits.Exhausted:
        pass
    yield _instruction(instruction, cut)


def _parts(instruction: Instruction) -> tuple[Encoding, Step]:
    step = _run(instruction)
    assert instruction.encoding is not None and step is not None
    return instruction.encoding, step


def _accepted(other: Instruction, word: Term) -> Term:
    """That a word is the other's."""
    encoding, step = _parts(other)
    found = {variable(s.width, s.name): held(s, word) for s in step.slots}
    return conjunction([*matched(word, step.mask, step.value), applied(encoding.when, found)])


def _cut(encoding: Encoding, step: Step) -> Encoding:
    """The encoding over this run, with an operand that holds the whole word."""
    width = step.units * encoding.decode.unit
    whole = Slot(WORD, width, ((0, 0, width),), 0, width)
    operands = {**encoding.operands, WORD: Operand(width)}
    return replace(encoding, operands=operands, steps=(replace(step, slots=(*step.slots, whole)),))


def _demanding(encoding: Encoding, demand: Term) -> Encoding:
    """The encoding for those of its words of which the demand holds too; its operands are those that its word holds."""
    (step,) = encoding.steps
    when, word = conjunction([encoding.when, demand]), variable(step.units * encoding.decode.unit, WORD)
    fits = (eq(variable(slot.width, slot.name), held(slot, word)) for slot in step.slots if slot.name != WORD)
    return replace(encoding, when=when, canonical=conjunction([when, *matched(word, step.mask, step.value), *fits]))


def _renamed(term: Term, names: Mapping[str, str]) -> Term:
    def named(old: Term, args: tuple[Term, ...]) -> Term | None:
        return variable(old.width, names[old.name.text]) if old.op == "var" and old.name.text in names else None

    return rewrite([term], named)[0]


def _instruction(instruction: Instruction, encoding: Encoding) -> Instruction:
    """The instruction with an encoding that was cut."""

    def as_operand(old: Term, args: tuple[Term, ...]) -> Term | None:
        return operand(old.width, old.name.text) if old.op == "var" else None

    width = encoding.operands[WORD].width
    return replace(
        instruction,
        encoding=encoding,
        operands={**instruction.operands, WORD: Bits(width)},
        canonical=rewrite([encoding.canonical], as_operand)[0],
        encoding_term=operand(width, WORD),
    )
