"""Whether instructions lead the monitor where it wants: for every state that is wanted afterwards there is one before.

A state that is wanted is tried first. What led there is generalised to a map of copied bits, whose domain is a formula; then a state outside of all domains is
tried, until there is none. A state to which nothing leads is the refutation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pgcheck.checker.questions.copies import with_fields
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.model import Model
from pgcheck.checker.world.entrymap import EntryMap, generalised
from pgcheck.checker.world.goal import Goal, Way
from pgcheck.checker.world.slices import pieces
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, Term, constant, eq, lnot, on_leaves, operand, rewrite, walk
from pgcheck.isa.terms.names import TABLE

ROUNDS: Final = 12
SKETCHES: Final = 4
SHOWN: Final = 6


class Unreachable(Exception):
    """No instruction leads to a state that is wanted, which the message says."""


def leading(goal: Goal, ways: Sequence[Way], evidence: Evidence) -> list[EntryMap]:
    """Maps which together lead to every state that is wanted. Raises Unreachable, and Undecided."""
    maps: list[EntryMap] = []
    for _ in range(ROUNDS):
        target = evidence.model([*goal.assumed, *(lnot(m.domain) for m in maps)], f"{goal.label}:wanted")
        if target is None:
            return maps
        maps.append(_map(goal, target, ways, evidence))
    raise Undecided(goal.label, f"{ROUNDS} maps of copied bits do not lead to every state")


def _map(goal: Goal, target: Model, ways: Sequence[Way], evidence: Evidence) -> EntryMap:
    """A map that leads to one state at least, if there is one by a map that copies. Raises Unreachable, and Undecided."""
    reached, plain = "", None
    varied = any(not t.is_constant for t in goal.wanted.values())
    for way in ways:
        for sketch in _sketches(goal, way, target, evidence):
            reached = reached or way.instruction.id
            found = generalised(goal, way, sketch)
            if found is None or not target.satisfies([found.domain]):
                continue
            if found.copies or not varied:
                return found
            plain = plain or found
    if plain is not None:
        return plain
    if reached and goal.tables and not _led_without_entries(goal, target, ways, evidence):
        raise Unreachable(f"{_said(goal, target)}, where the guest's {', '.join(sorted(goal.tables))} holds 0 by then")
    if reached:
        raise Undecided(goal.label, f"{reached} leads to {_said(goal, target)}, but by no copy of bits")
    raise Unreachable(_said(goal, target))


def _led_without_entries(goal: Goal, target: Model, ways: Sequence[Way], evidence: Evidence) -> bool:
    """Whether some instruction leads there although the guest has emptied the tables in which it finds its own entries. Raises Undecided."""

    def emptied(term: Term, _: tuple[Term, ...]) -> Term | None:
        if term.op != "uf" or term.name.space != TABLE or term.name.text not in goal.tables:
            return None
        table = term.name.text
        return with_fields(goal.machine, table, constant(term.width, 0), goal.tables[table] or {})

    return any(
        evidence.possible(rewrite(_leads(goal, way, target), emptied), f"{goal.label}:{way.instruction.id}:emptied")
        for way in ways
    )


def _sketches(goal: Goal, way: Way, target: Model, evidence: Evidence) -> Iterator[Model]:
    """Some states before, and operands, that lead to one state: by each way that bits are copied, the plainest first. Raises Undecided."""
    known, label = _leads(goal, way, target), f"{goal.label}:{way.instruction.id}"
    operands = [(n, b.width) for n, b in way.instruction.operands.items() if goal.passing]
    wishes = [eq(operand(width, name), constant(width, 0)) for name, width in operands]
    wishes += _in_order(goal.machine) if goal.passing else []
    for guard in _guards(goal, way):
        model = evidence.some([*known, guard], label)
        if model is None:
            continue
        plain = [guard]
        for wish in wishes:
            plainer = model if model.satisfies([wish]) else evidence.some([*known, *plain, wish], f"{label}:plain")
            if plainer is not None:
                plain.append(wish)
                model = plainer
        sketch = evidence.model([*known, *plain], label)
        if sketch is None:
            raise Contradiction(f"{label}: z3 says unsat of what has a model")
        yield sketch


def _in_order(machine: Machine) -> list[Term]:
    """The monitor's own memory is mapped in order, as it takes it to be."""
    translation, leaves = machine.code.translation, machine.state.leaves
    return [eq(leaves[n].term, leaves[n].holding(v)) for n, v in (translation.replay if translation else {}).items()]


def _guards(goal: Goal, way: Way) -> list[Term]:
    """Conditions on which bits of what is wanted are copied from something that the monitor may choose; at last none."""
    space = goal.machine.state
    changed = [c for c in goal.cells(way.post) if way.post[c.leaf] is not space.leaves[c.leaf].term]
    changed.sort(key=lambda c: c.leaf != space.pc)
    guards: dict[Term, int] = {}
    for piece in pieces(changed[0].term) if changed else ():
        if goal.chooses(piece.source):
            guards.setdefault(piece.guard, sum(1 for _ in walk([piece.guard])))
    return [*sorted(guards, key=lambda g: guards[g])[:SKETCHES], TRUE]


def _leads(goal: Goal, way: Way, target: Model) -> list[Term]:
    """The instruction completes and leads to the state of a model."""
    cells = goal.cells(way.post)
    values = target.values([c.wanted for c in cells])
    equal = (eq(c.term, constant(c.wanted.width, v)) for c, v in zip(cells, values, strict=True))
    return [
        *goal.before,
        goal.changes(way.post),
        way.completes,
        way.instruction.canonical,
        *equal,
        *on_leaves(goal.after, way.post),
    ]


def _said(goal: Goal, target: Model) -> str:
    """The state of a model in a few words: what is not 0 there."""
    cells = goal.cells({n: leaf.term for n, leaf in goal.machine.state.leaves.items()})
    values = zip(cells, target.values([c.wanted for c in cells]), strict=True)
    shown = [f"{cell.name} = {value:#x}" for cell, value in values if value]
    more = ", ..." if len(shown) > SHOWN else ""
    return f"the state with {', '.join(shown[:SHOWN])}{more}" if shown else "the state in which everything is 0"
