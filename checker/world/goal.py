"""Where a monitor wants to be led by an instruction of its own, and the instructions that may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pgcheck.checker.questions.copies import differ
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import FALSE, TRUE, Name, Term, constant, disjunction, rewrite, select, walk
from pgcheck.isa.terms.names import TABLE
from pgcheck.models.generated.facts import Facts
from pgcheck.models.symbolic import FAULT, transition


@dataclass(frozen=True)
class Way:
    """An instruction that the monitor may execute: how it completes, with no fault of what the monitor has mapped for itself."""

    instruction: Instruction
    completes: Term
    post: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Cell:
    """A scalar leaf or an element of an array: its term after an instruction, and the one that it is to have."""

    name: str
    leaf: str
    term: Term
    wanted: Term


@dataclass(frozen=True)
class Goal:
    """States that are wanted: `wanted` leaves have these terms afterwards, for everything of which `assumed` holds.

    Before, `before` holds of the leaves; afterwards `after`. Leaves in `passing` are as they are to be where an instruction leaves
    them alone: these are not the monitor's to choose. Arrays of more than `most` elements are only passed on. One of the leaves in `changed`
    is to change: an instruction that may leave it alone does not set it. In `tables` the guest
    finds its own entries, but for some fields.
    """

    machine: Machine
    wanted: Mapping[str, Term]
    passing: Mapping[str, Term]
    assumed: tuple[Term, ...]
    before: tuple[Term, ...]
    after: tuple[Term, ...]
    label: str
    tables: Mapping[str, Fields | None] = field(default_factory=dict)
    most: int = 64
    changed: frozenset[str] = frozenset()

    def changes(self, after: Mapping[str, Term]) -> Term:
        """An instruction has given a leaf in `changed` another value, or one that is not made of what it was; true if none is to change."""
        leaves = [self.machine.state.leaves[n] for n in sorted(self.changed)]
        if not leaves or any(leaf.term not in set(walk([after[leaf.name]])) for leaf in leaves):
            return TRUE
        return disjunction(differ(leaf, leaf.term, after[leaf.name]) for leaf in leaves)

    def cells(self, state: Mapping[str, Term]) -> list[Cell]:
        """What is wanted, cell by cell."""
        found = []
        for name, target in self.wanted.items():
            leaf = self.machine.state.leaves[name]
            if not isinstance(leaf, ArrayLeaf):
                found.append(Cell(name, name, state[name], target))
                continue
            for k in range(leaf.size if leaf.size <= self.most else 0):
                place = constant(leaf.index_width, k)
                found.append(Cell(f"{name}[{k}]", name, select(state[name], place), select(target, place)))
        return found

    def chooses(self, source: Term) -> bool:
        """Whether a source is of a kind that the monitor may choose before: what a table gives, memory, a leaf that may be otherwise afterwards."""
        if source.op == "uf":
            return source.name.space == TABLE
        name = (source.args[0] if source.op == "select" else source).leaf
        memory = self.machine.state.memory
        return name is not None and (name == memory or source.op != "select" or not self.fixed(name))

    def fixed(self, leaf: str) -> bool:
        """Whether a leaf that an instruction leaves alone has to be before as it is wanted."""
        return leaf in self.passing and leaf in self.wanted

    @cached_property
    def _theirs(self) -> frozenset[Name]:
        return frozenset(name for t in walk(self.wanted.values()) if (name := t.free) is not None)

    def guests(self, term: Term) -> bool:
        """Whether a term depends on what is wanted, which the monitor does not choose."""
        return any(t.free in self._theirs for t in walk([term]))


def ways(machine: Machine, leaves: Collection[str]) -> dict[str, list[Way]]:
    """The instructions that can change each of some leaves, those with the fewest operands first."""
    found: dict[str, list[Way]] = {leaf: [] for leaf in leaves}
    facts, moving = Facts(machine), machine.state.pc in leaves
    for instruction in sorted(machine.instructions, key=lambda i: sum(b.width for b in i.operands.values())):
        if not moving and not facts.block(instruction.body).writes & found.keys():
            continue
        step = transition(machine, instruction)
        changed = [leaf for leaf in leaves if step.post[leaf] is not machine.state.leaves[leaf].term]
        if changed:
            completes, *post = rewrite([step.completes, *step.post.values()], _without_faults)
            way = Way(instruction, completes, dict(zip(step.post, post, strict=True)))
            for leaf in changed:
                found[leaf].append(way)
    return found


def _without_faults(term: Term, _: tuple[Term, ...]) -> Term | None:
    return FALSE if term.op == "uf" and term.name == FAULT else None
