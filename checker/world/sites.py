"""Where the instruction was that trapped, if a delivery saves no more of that than what the trap hands over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pgcheck.checker.questions.hole import Question, question, virtual_modes
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import Configuration
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    constant,
    disjunction,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mask,
    mk,
    operand,
    parameter,
    renamed,
    rewrite,
    walk,
    zext,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, HALT
from pgcheck.isa.terms.names import OPERAND
from pgcheck.isa.terms.reads import calls
from pgcheck.models.symbolic import Exit, delivered, initial, transition


@dataclass(frozen=True, slots=True)
class Site:
    """A place where a trap is taken: by an instruction, or by a fetch (None)."""

    instruction: Instruction | None
    args: tuple[Term, ...]

    def beyond(self, k: int, pc: Term) -> int | None:
        """By how much an argument is beyond the instruction's own address, where that is a constant."""
        given = self.args[k]
        if given is pc:
            return 0
        counted = given.op == "add" and given.args[0] is pc and given.args[1].is_constant
        return given.args[1].value if counted else None

    def told_from(self, other: Site, shown: Callable[[int], bool]) -> bool:
        """Whether a constant that is handed over, and is `shown` by its position, tells the two apart."""
        pairs = enumerate(zip(self.args, other.args, strict=True))
        return any(a.is_constant and b.is_constant and a is not b and shown(k) for k, (a, b) in pairs)


@dataclass(frozen=True, slots=True)
class Traps:
    """The traps by one terminator under a deployment and a configuration.

    `saved` are the positions of the arguments that its delivery saves, `shown` says which the state afterwards tells.
    """

    setting: Setting
    configuration: Configuration
    name: str
    saved: tuple[int, ...]
    shown: Callable[[int], bool]

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
            if any(self._tells(k, site, sites, evidence) for k in self.saved):
                continue
            if not (forgotten(self.machine, self.name) and self._alike(site, evidence)):
                where = "the fetch" if site.instruction is None else site.instruction.id
                reason = f"where {where} was is handed over by no constant distance, and {self.name} saves no more"
                raise Undecided(f"{self.setting.deployment.name}:{self.name}", reason)
        return True

    def whereabouts(self, evidence: Evidence) -> tuple[Term, Term]:
        """(whether the monitor learns where it was taken, where): over the arguments. Raises Undecided if that takes more than them."""
        parameters = [parameter(w, n) for n, w in self.machine.code.functions[self.name].parameters]
        pc = self.machine.state.leaves[self.machine.state.pc].term
        sites = list(self._sites())
        located, where = FALSE, constant(pc.width, 0)
        for site in sites:
            told = [k for k in self.saved if self._tells(k, site, sites, evidence)]
            if not told:
                continue
            k, distance = told[0], site.beyond(told[0], pc)
            if distance is None or not all(o.beyond(k, pc) == distance or site.told_from(o, self.shown) for o in sites):
                raise Undecided(f"{self.setting.deployment.name}:{self.name}", "where it was is read off instructions")
            said = enumerate(zip(parameters, site.args, strict=True))
            here = conjunction(eq(p, a) for n, (p, a) in said if a.is_constant and self.shown(n))
            located = lor(located, here)
            where = ite(here, mk("sub", pc.width, parameters[k], constant(pc.width, distance)), where)
        return located, where

    def _tells(self, k: int, site: Site, sites: Sequence[Site], evidence: Evidence) -> bool:
        """An argument is at one distance from the instruction at this site and at all that the monitor takes for it."""
        pc = self.machine.state.leaves[self.machine.state.pc].term
        distance = site.beyond(k, pc)
        return distance is not None and all(
            other.beyond(k, pc) == distance
            or site.told_from(other, self.shown)
            or self._read_apart(k, site, other, evidence)
            for other in sites
        )

    def _read_apart(self, k: int, site: Site, other: Site, evidence: Evidence) -> bool:
        """Both hand over the address behind the instruction, and the last units before that are never those of both."""
        pc = self.machine.state.leaves[self.machine.state.pc].term
        ends = [_end(s) if s.beyond(k, pc) == _length(s) else None for s in (site, other)]
        if ends[0] is None or ends[1] is None:
            return False
        (word, held), (word_too, held_too) = ends[0], ends[1]
        both = constant(word.width, held & held_too)
        handed = [(a, b) for n, (a, b) in enumerate(zip(site.args, other.args, strict=True)) if n != k]
        theirs = _renamed([word_too, *(b for _, b in handed)])
        alike = [eq(a, b) for (a, _), b in zip(handed, theirs[1:], strict=True)]
        alike.append(eq(mk("and", word.width, word, both), mk("and", word.width, theirs[0], both)))
        return not evidence.possible(alike, f"{self.setting.deployment.name}:{self.name} read apart")

    def _sites(self) -> Iterator[Site]:
        """Every place where it is taken; where a fetch or its translation takes it, nothing is known of the arguments."""
        machine = self.machine
        if self.name in reached(machine, iter([machine.code.fetch])):
            yield Site(None, ())
        for instruction in (machine.code.undefined, *machine.instructions):
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


def _length(site: Site) -> int | None:
    """The length of the instruction in units of PC, if it has one."""
    length = None if site.instruction is None else site.instruction.length
    return length.value if length is not None and length.is_constant else None


def _end(site: Site) -> tuple[Term, int] | None:
    """The last unit of an encoding as a term over its operands, and the bits of it that the encoding holds."""
    encoding = None if site.instruction is None else site.instruction.encoding
    if encoding is None or encoding.steps[-1].when is not TRUE or encoding.decode.unit != encoding.decode.pc_unit:
        return None
    step = encoding.steps[-1]
    if step.units != 1:
        return None
    word, held = constant(encoding.decode.unit, step.value), step.mask
    for slot in step.slots:
        for low, at, count in slot.pieces:
            piece = zext(extract(operand(slot.width, slot.name), low + count - 1, low), word.width)
            word = mk("or", word.width, word, mk("shl", word.width, piece, constant(word.width, at)))
            held |= mask(count) << at
    return word, held


def _renamed(terms: Sequence[Term]) -> list[Term]:
    """Terms over the operands of another instruction than those of the same names."""
    return rewrite(
        terms, lambda t, _: renamed(t, t.free.tried(1)) if t.free is not None and t.free.space == OPERAND else None
    )


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
                todo += _calls(machine, name)
    return frozenset(seen)


@once
def _calls(machine: Machine, name: str) -> tuple[str, ...]:
    return tuple(calls(machine.code.functions[name].body))


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
