"""Which encodings of two machines share words: the rows of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcheck.checker.comparison.acts import Act
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.isa.encoding.units import Reading, read
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.machine.meaning import Meanings
from pgcheck.isa.terms import FALSE, TRUE, Term, conjunction, constant, disjunction, eq, land, lnot, operand


@dataclass(frozen=True, slots=True)
class Pair:
    """What each machine does with the words of which `when` holds; `same`: their texts say that it is the same."""

    name: str
    first: Act
    second: Act
    when: Term = TRUE
    same: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """An instruction that is matched word by word, read from units."""

    instruction: Instruction
    reading: Reading

    @property
    def accepts(self) -> Term:
        return self.reading.accepts

    def act(self, machine: Machine) -> Act:
        return Act(machine, self.instruction, given=self.reading.operands)


def rows(
    machines: tuple[Machine, Machine], said: tuple[Meanings, Meanings], wanted: Sequence[str], evidence: Evidence
) -> Iterator[Pair]:
    """Every pair of instructions that some word means on the one machine and on the other; of words that no encoding of a machine accepts,
    what they do there.

    Encodings that say the same are one pair for each row that either lists. Of `wanted` ids alone, if there are any. Raises Undecided.
    """
    first, second = machines
    by_bits = {said[1].instructions[i.id].encoding: i for i in second.instructions}
    bits = {i.id: by_bits.get(said[0].instructions[i.id].encoding) for i in first.instructions}
    twins = {name: twin for name, twin in bits.items() if twin is not None}

    def asked(*ids: str) -> bool:
        return not wanted or any(i in wanted for i in ids)

    for i in first.instructions:
        if i.id in twins and asked(i.id, twins[i.id].id):
            yield from _listed(machines, i, twins[i.id], said)
    taken = frozenset(twin.id for twin in twins.values())
    for pair in _by_words(machines, frozenset(twins), taken, evidence):
        if asked(*(act.instruction.id for act in (pair.first, pair.second) if act.instruction is not None)):
            yield pair
    if asked(UNDEFINED):
        same = said[0].instructions[UNDEFINED].step == said[1].instructions[UNDEFINED].step
        yield Pair(UNDEFINED, Act(first, first.code.undefined), Act(second, second.code.undefined), same=same)


def _by_words(
    machines: tuple[Machine, Machine], mine: frozenset[str], theirs: frozenset[str], evidence: Evidence
) -> Iterator[Pair]:
    """The pairs of all instructions but those, by the words that they share; then the words that only one machine accepts. Raises Undecided."""
    first, second = machines
    firsts = [_Read(i, read(i.encoding)) for i in first.instructions if i.encoding is not None and i.id not in mine]
    seconds = [_Read(i, read(i.encoding)) for i in second.instructions if i.encoding is not None and i.id not in theirs]
    covered: dict[_Read, list[Term]] = {r: [] for r in (*firsts, *seconds)}
    for one in firsts:
        for other in seconds:
            both, names = land(one.accepts, other.accepts), (one.instruction.id, other.instruction.id)
            if both is not FALSE and evidence.possible([both], f"words of {names[0]} and {names[1]}"):
                covered[one].append(other.accepts)
                covered[other].append(one.accepts)
                yield Pair(_both(*names), one.act(first), other.act(second), both)
    for read_, others in covered.items():
        alone = land(read_.accepts, lnot(disjunction(others)))
        name = read_.instruction.id
        if alone is FALSE or not evidence.possible([alone], f"words of {name} alone"):
            continue
        acts = read_.act(first), Act(second, second.code.undefined)
        if read_ in seconds:
            acts = Act(first, first.code.undefined), read_.act(second)
        yield Pair(name, *acts, alone)


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first} / {second}"


def _listed(
    machines: tuple[Machine, Machine], first: Instruction, second: Instruction, said: tuple[Meanings, Meanings]
) -> Iterator[Pair]:
    """Two instructions with one encoding: over its operands, one pair for each value that either lists as a row."""
    given: Mapping[str, Term] = {n: operand(t.width, n) for n, t in first.operands.items()}
    same = said[0].instructions[first.id].step == said[1].instructions[second.id].step
    acts = [Act(m, i, given=given) for m, i in zip(machines, (first, second), strict=True)]
    for row in _rows(first, second):
        when = land(first.canonical, _in_row(row, given))
        fixed = {} if row.value is None else {row.operand: row.value}
        one, other = (replace(act, fixed=fixed) for act in acts)
        if when is not FALSE:
            yield Pair(_both(first.id, second.id) + row.label, one, other, when, same)


def _rows(first: Instruction, second: Instruction) -> tuple[Row, ...]:
    """The rows of both over the operand that the first of them lists; each value once."""
    listed = [r for r in (*first.rows, *second.rows) if r.operand]
    if not listed:
        return (Row(""),)
    name = listed[0].operand
    by_value = {r.value: r for r in reversed(listed) if r.operand == name and r.value is not None}
    values = sorted(by_value)
    return (*(by_value[v] for v in values), Row(":other", name, None, tuple(values)))


def _in_row(row: Row, given: Mapping[str, Term]) -> Term:
    if not row.operand:
        return TRUE
    chosen = given[row.operand]
    if row.value is not None:
        return eq(chosen, constant(chosen.width, row.value))
    return conjunction(lnot(eq(chosen, constant(chosen.width, v))) for v in row.others)
