"""Where the instruction was that trapped, if a delivery saves no more of that than what the trap hands over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgcheck.checker.questions.hole import Question, question, virtual_modes
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import Configuration
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import Term, conjunction, disjunction, eq, land, lnot, parameter, walk
from pgcheck.isa.terms.ir import BUILTIN_EXITS, HALT
from pgcheck.isa.terms.reads import calls
from pgcheck.models.symbolic import Exit, delivered, initial, transition


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a trap is taken: by an instruction, or by bits that none accepts (None)."""

    instruction: Instruction | None
    args: tuple[Term, ...]

    def beyond(self, k: int, pc: Term) -> int | None:
        """By how much an argument is beyond the instruction's own address, where that is a constant."""
        given = self.args[k]
        if given is pc:
            return 0
        counted = given.op == "add" and given.args[0] is pc and given.args[1].is_constant
        return given.args[1].value if counted else None

    def told_from(self, other: Site) -> bool:
        """Whether a constant that is handed over tells the two apart."""
        pairs = zip(self.args, other.args, strict=True)
        return any(a.is_constant and b.is_constant and a is not b for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Traps:
    """The traps by one terminator under a deployment and a configuration; `saved` are the arguments that its delivery saves."""

    setting: Setting
    configuration: Configuration
    name: str
    saved: tuple[int, ...]

    @property
    def machine(self) -> Machine:
        return self.setting.machine

    def located(self, evidence: Evidence) -> bool:
        """Whether the monitor learns where each of them was taken, or need not: the virtual machine then takes the same trap, and forgets it.

        False if some says nothing of it. Raises Undecided where an argument says something, but not by a constant distance.
        """
        pc = self.machine.state.leaves[self.machine.state.pc].term
        sites = list(self._sites())
        if not sites or not all(pc in set(walk(s.args)) for s in sites):
            return False
        for site in sites:
            if any(self._tells(k, site, sites, pc) for k in self.saved):
                continue
            if not (forgotten(self.machine, self.name) and self._alike(site, evidence)):
                where = "undefined bits" if site.instruction is None else site.instruction.id
                reason = f"where {where} was is handed over by no constant distance, and {self.name} saves no more"
                raise Undecided(f"{self.setting.deployment.name}:{self.name}", reason)
        return True

    def _tells(self, k: int, site: Site, sites: Sequence[Site], pc: Term) -> bool:
        """An argument is at one distance from the instruction at this site and at all that look like it."""
        distance = site.beyond(k, pc)
        return distance is not None and all(s.beyond(k, pc) == distance or site.told_from(s) for s in sites)

    def _sites(self) -> Iterator[Site]:
        """Every place where it is taken; where a fetch or its translation takes it, nothing is known of the arguments."""
        machine = self.machine
        if self.name in reached(machine, iter([machine.code.fetch])):
            yield Site(None, ())
        undefined = transition(machine, machine.code.undefined)
        yield from (Site(None, e.args) for e in undefined.exits if e.function == self.name)
        for instruction in machine.instructions:
            if self.name in reached(machine, calls(instruction.body)):
                step = transition(machine, instruction)
                yield from (Site(instruction, e.args) for e in step.exits if e.function == self.name)

    def _alike(self, site: Site, evidence: Evidence) -> bool:
        """Where the real machine takes the trap, so does the virtual one, and hands over the same."""
        if site.instruction is None:
            return False
        modes = self.setting.deployment.modes
        return not any(
            evidence.possible(self._otherwise(asked), f"{subject_.id}:{self.name} alike@{mode}")
            for row in site.instruction.rows
            for subject_ in [subject(self.setting, site.instruction, row)]
            for mode_class in (modes.supervisor, modes.user)
            for mode in virtual_modes(self.setting, mode_class)
            for asked in [question(self.setting, subject_, mode_class, mode, self.configuration)]
        )

    def _otherwise(self, asked: Question) -> list[Term]:
        """The real machine takes the trap, and the virtual one does not take the same."""
        virtual = [e for e in asked.virtual.exits if e.function == self.name]
        real = [e for e in asked.real.exits if e.function == self.name]
        apart = disjunction(land(r.guard, lnot(disjunction(_same(r, v) for v in virtual))) for r in real)
        return [*asked.assumptions, apart]


def _same(real: Exit, virtual: Exit) -> Term:
    return land(virtual.guard, conjunction(eq(a, b) for a, b in zip(real.args, virtual.args, strict=True)))


def reached(machine: Machine, names: Iterator[str]) -> frozenset[str]:
    """The functions and terminators that calls lead to; what a terminator's own delivery calls is no part of it."""
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            if name not in machine.code.exits and name in machine.code.functions:
                todo += calls(machine.code.functions[name].body)
    return frozenset(seen)


def forgotten(machine: Machine, name: str) -> bool:
    """Whether a delivery, and what is nested in it, makes nothing of the address of the instruction."""
    pc = machine.state.leaves[machine.state.pc].term
    todo, seen = [name], set[str]()
    while todo:
        here = todo.pop()
        if here in seen or here in BUILTIN_EXITS or machine.code.exits[here].kind == HALT:
            continue
        seen.add(here)
        args = tuple(parameter(w, n) for n, w in machine.code.functions[here].parameters)
        found = delivered(machine, here, args, initial(machine))
        if pc in set(
            walk(
                [found.frame.alive, *found.frame.state.values(), *(t for e in found.exits for t in (e.guard, *e.args))]
            )
        ):
            return False
        nested = machine.code.exits[here].nested
        todo += [nested] if nested and any(e.function not in BUILTIN_EXITS for e in found.exits) else []
    return True
