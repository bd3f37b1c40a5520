"""Start states of cases: legal virtual states of the deployment's guest, near the state after reset where it takes that to run at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

from pgcheck.checker.campaign.cases.inventory import Inventory, called, statements
from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.cases.tables import Tables
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.words import Words
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import Term, conjunction, mask
from pgcheck.isa.terms.ir import Block, SetLeaf, SetNext
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.reference.cycle import holds
from pgcheck.models.state import Cells, State, holding, reset, scalar

SHARE: Final = 3


class States:
    """Draws start states for one machine and deployment."""

    def __init__(self, inventory: Inventory, deployment: Deployment, layout: Layout, aligned: int) -> None:
        self.inventory, self.deployment, self.layout, self.aligned = inventory, deployment, layout, aligned
        self.machine: Machine = inventory.machine
        self.start: State = {**reset(self.machine), **self.machine.begins}
        self.condition: Term = conjunction([*self.machine.legal, deployment.guest])
        self._bound = free_leaves([self.condition])
        found = self.machine.code.confined_by(Entries)
        self._given = frozenset(found[1].given if found is not None else ())
        self._legally: dict[tuple[str, int], int] = {}

    @cached_property
    def sequencing(self) -> tuple[str, ...]:
        """General leaves besides PC from which many instructions take where to go on: a next PC, the target of a delayed branch."""
        machine = self.machine
        found: dict[str, int] = {}
        bodies = [i.body for i in machine.instructions if i.encoding is not None]
        for body in bodies:
            for name in _followed(machine, body):
                found[name] = found.get(name, 0) + 1
        return tuple(name for name, times in found.items() if SHARE * times > len(bodies))

    # ---- control state

    def control(self, tape: Tape, tables: Tables | None, root: int) -> State:
        """A legal virtual state that the deployment's guest may be in; what cannot be so is as after reset.

        With `tables` translation is on, and their root at the address `root`. PC is that of `begun`.
        """
        machine = self.machine
        state: State = dict(self.start)
        user = tape.chance(100)
        modes = self.deployment.modes
        state[machine.modes.leaf] = tape.choose((modes.user if user else modes.supervisor).values)
        given: dict[str, int] = {}
        if tables is not None:
            given = {**tables.shape.realise.given, tables.shape.root: root >> tables.shape.root_shift}
            state.update(holding(machine, given))
        drawn: list[str] = []
        for name, leaf in machine.state.leaves.items():
            fixed = name == machine.modes.leaf or leaf.role in ("vector", "identity") or name in given
            if not leaf.control or isinstance(leaf, ArrayLeaf) or fixed:
                continue
            if tape.chance(self._often(leaf)):
                state[name] = self._drawn(tape, leaf)
                drawn.append(name)
        self._relocate(tape, state)
        self._repair(state, drawn)
        return state

    def begin(self, state: State, address: int) -> None:
        """Let a state go on at the physical address; what else says where to go on keeps its distance from PC."""
        machine, scheme = self.machine, self.machine.code.scheme
        start = address - scalar(state, scheme.base) if isinstance(scheme, Bounds) else address
        leaf = machine.state.leaves[machine.state.pc]
        state[machine.state.pc] = self.near(start, leaf)
        for name in self.sequencing:
            ahead = scalar(self.start, name) - scalar(self.start, machine.state.pc)
            state[name] = start + ahead & mask(machine.state.leaves[name].width)

    def opened(self, state: State, values: Mapping[str, int]) -> None:
        """Let a state have some values, if it is legal with them."""
        changed = {**state, **values}
        if self.legal(changed):
            state.update(values)

    def _relocate(self, tape: Tape, state: State) -> None:
        layout, scheme = self.layout, self.machine.code.scheme
        if not isinstance(scheme, Bounds):
            return
        base = tape.choose((0, 0, 0, layout.block, 2 * layout.block)) if tape.chance(100) else 0
        limits = (layout.size - base, layout.size - base - 1, layout.size, layout.size // 2, layout.user, 1)
        wanted = {scheme.base: base, scheme.limit: tape.choose(limits) if tape.chance(80) else limits[0]}
        state.update({name: self._rounded(name, value) for name, value in wanted.items()})

    def _rounded(self, name: str, value: int) -> int:
        """The largest value of a relocation leaf up to one that is legal and ends in zeros or ones; as after reset if there is none."""
        if (name, value) not in self._legally:
            ends = {end for k in range(value.bit_length()) for end in (value >> k << k, (value + 1 >> k << k) - 1)}
            fitting = (
                v for v in sorted({value, *ends}, reverse=True) if v >= 0 and self.legal({**self.start, name: v})
            )
            self._legally[name, value] = next(fitting, scalar(self.start, name))
        return self._legally[name, value]

    def _often(self, leaf: Leaf) -> int:
        """How often, of 256, a control leaf is not as after reset."""
        if leaf.role == "saved":
            return 240 if leaf.width > 16 else 128
        if leaf.name in self._given:
            return 8
        return {"run": 8, "mode": 30, "interrupt": 60}.get(leaf.role, 90)

    def _drawn(self, tape: Tape, leaf: Leaf) -> int:
        """A value of a control leaf."""
        layout = self.layout
        if leaf.width <= 4:
            return tape.below(1 << (leaf.width or 1))
        if leaf.role == "relocation":
            edges = (0, layout.size, layout.block, layout.size // 2, layout.size - 1, layout.kernel, -1, leaf.reset)
            return (tape.choose(edges) + tape.below(3)) & mask(leaf.width)
        if leaf.role == "saved":
            places = (layout.user, layout.stack, layout.kernel, layout.user, layout.data[0])
            return self.near(tape.choose(places) + self.aligned * tape.below(6), leaf)
        return tape.bits(leaf.width) if tape.chance(128) else tape.below(4) & mask(leaf.width)

    def near(self, address: int, leaf: Leaf) -> int:
        """An address as a leaf holds it, also one that leaves out low bits which are always 0."""
        pc = self.machine.state.leaves[self.machine.state.pc]
        if leaf.width < pc.width and leaf.role == "saved" and pc.width - leaf.width <= 4:
            return address >> pc.width - leaf.width & mask(leaf.width)
        return address & mask(leaf.width)

    def _repair(self, state: State, drawn: list[str]) -> None:
        """Take back draws that make the state illegal."""
        if self.legal(state):
            return
        for name in drawn:
            if name in self._bound:
                state[name] = self.start[name]
        if not self.legal(state):
            for name in self._bound:
                state[name] = self.start[name]

    def legal(self, state: State) -> bool:
        return holds(self.machine, self.condition, state)

    # ---- general state

    def general(self, tape: Tape, state: State, words: Words) -> None:
        """Registers that mean something; where to go on is not among them."""
        machine = self.machine
        for name, leaf in machine.state.leaves.items():
            if leaf.control or name in (machine.state.memory, machine.state.pc, *self.sequencing):
                continue
            if isinstance(leaf, ScalarLeaf):
                state[name] = tape.below(2) if leaf.width <= 1 else words.draw(leaf.width)
            elif leaf.size <= 64 and leaf.width:
                drawn = {k: words.draw(leaf.width) for k in range(leaf.size)}
                state[name] = Cells(leaf.reset, {**drawn, **dict(leaf.hardwired)})


def _followed(machine: Machine, body: Block) -> frozenset[str]:
    """The general scalar leaves from which an instruction takes the next PC; those that it copies into one another count."""
    seen, todo, found = set[str](), [body], set[str]()
    while todo:
        block = todo.pop()
        for statement in statements(block):
            if isinstance(statement, SetNext):
                found |= free_leaves([statement.value])
            elif isinstance(statement, SetLeaf) and statement.leaf == machine.state.pc:
                found |= free_leaves([statement.value])
        for name in called(block):
            if name not in seen and name not in machine.code.exits:
                seen.add(name)
                todo.append(machine.code.functions[name].body)
    leaves = machine.state.leaves
    return frozenset(
        n for n in found if n != machine.state.pc and not leaves[n].control and isinstance(leaves[n], ScalarLeaf)
    )
