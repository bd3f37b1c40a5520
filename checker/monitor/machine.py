"""The machine under the monitor, on terms: one step of the processor, of the interpreter routine, and of the bare machine.

A row's transition is made once; these are its instances. Exits of one terminator are one way to end, with payload and state chosen
by their guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgcheck.checker.questions.copies import Answer, as_it_is, executing, has_fields, in_mode, over_leaves, with_fields
from pgcheck.checker.questions.subject import Subject
from pgcheck.checker.questions.translated import asked
from pgcheck.checker.questions.translated import page as number
from pgcheck.checker.world.arrival import Walked, walked
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.once import once
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Rewriter,
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    ite,
    land,
    lnot,
    lor,
    mk,
    operand,
    parameter,
    rewrite,
    substitute,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE
from pgcheck.isa.terms.names import TRANSLATION, VIRTUAL, Tag
from pgcheck.models.state import Fetched, holding, reset
from pgcheck.models.symbolic import (
    ADDRESS,
    FAULT,
    NEXT_PC,
    Access,
    Execution,
    Exit,
    Transition,
    delivered,
    initial,
    resized,
)
from pgcheck.vmm.paging.entries import form, loosely, private
from pgcheck.vmm.policy import Crossing
from pgcheck.vmm.world import World

Leaves = Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Way:
    """A way a step ends: completion (`NEXT`), or an exit by a terminator before its delivery."""

    function: str
    guard: Term
    state: Leaves
    args: tuple[Term, ...] = ()


def instance(
    machine: Machine, transition: Transition, pre: Leaves, answer: Answer, tag: Tag, private: frozenset[Name]
) -> tuple[Way, ...]:
    """The transition over the leaves `pre`: completion first, then its exits by terminator, each with its state."""
    replace = over_leaves(pre, answer if faulting(machine) else _unfailing(answer), tag, private)
    memo: dict[Term, Term] = {}
    completes, *after = rewrite([transition.completes, *transition.post.values()], replace, memo)
    ways = [Way(NEXT, completes, dict(zip(transition.post, after, strict=True)))]
    for function in dict.fromkeys(e.function for e in transition.exits):
        merged, *others = [_ended(e, replace, memo) for e in transition.exits if e.function == function]
        for other in others:
            merged = _either(other, merged)
        ways.append(merged)
    return tuple(w for w in ways if w.guard is not FALSE)


def _unfailing(answer: Answer) -> Answer:
    """The cuts of a machine whose own translation raises nothing: the guest's never faults, and the processor's misses at most."""

    def unfailing(term: Term, args: tuple[Term, ...]) -> Term | None:
        found = answer(term, args)
        if term.name != FAULT:
            return found
        return (
            FALSE
            if found is None
            else rewrite([found], lambda t, _: FALSE if t.op == "uf" and t.name == FAULT else None)[0]
        )

    return unfailing


def _ended(exit_: Exit, replace: Rewriter, memo: dict[Term, Term]) -> Way:
    guard, *rest = rewrite([exit_.guard, *exit_.args, *exit_.state.values()], replace, memo)
    count = len(exit_.args)
    return Way(exit_.function, guard, dict(zip(exit_.state, rest[count:], strict=True)), tuple(rest[:count]))


def _either(way: Way, other: Way) -> Way:
    """One way to end in place of two by the same terminator."""
    return Way(
        other.function,
        lor(way.guard, other.guard),
        {n: ite(way.guard, t, other.state[n]) for n, t in way.state.items()},
        tuple(ite(way.guard, a, b) for a, b in zip(way.args, other.args, strict=True)),
    )


@once
def faulting(machine: Machine) -> tuple[str, ...]:
    """The terminators by which the machine's translation may end."""
    if machine.code.translation is None:
        return ()
    name = machine.code.translation.function
    body = Execution(machine, initial(machine), {}, cuts=False)
    body.call(name, tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters))
    return tuple(sorted({e.function for e in body.exits if e.function in machine.code.exits}))


def raises(function: str) -> Name:
    """Whether a fault of the guest's translation is raised by a terminator, as a function of the translation's arguments."""
    return Name(TRANSLATION, f"raises.{function}")


def payload(function: str, parameter: str) -> Name:
    """What a terminator that raises a fault of translation is given."""
    return Name(TRANSLATION, f"payload.{function}.{parameter}")


def raised(machine: Machine, args: tuple[Term, ...]) -> list[tuple[str, Term, tuple[Term, ...]]]:
    """What the guest's translation raises where it faults: (terminator, condition, payload), unknown functions of the arguments."""
    functions = faulting(machine)
    found: list[tuple[str, Term, tuple[Term, ...]]] = []
    rest = TRUE
    for place, function in enumerate(functions):
        last = place == len(functions) - 1
        here = rest if last else land(rest, apply(0, raises(function), *args))
        given = tuple(
            apply(width, payload(function, name), *args) for name, width in machine.code.functions[function].parameters
        )
        found.append((function, here, given))
        rest = land(rest, lnot(here))
    return found


MAX_NESTED = 4


def first_link(machine: Machine) -> int:
    """The number of trap entry among a step's deliveries: beyond those that are part of the step, each nested in another."""
    return len(machine.code.exits) + 1


def entered(machine: Machine, way: Way, depth: int = 0) -> tuple[Way, ...]:
    """Trap entry with what is nested in it: the ways that the machine then is in, `NEXT` where it goes on."""
    if way.guard is FALSE:
        return ()
    if way.function in BUILTIN_EXITS or way.function in executing(machine) or depth > MAX_NESTED:
        return (way,)
    if way.function == TRANSLATE:
        return tuple(
            end
            for function, here, given in raised(machine, way.args)
            for end in entered(machine, Way(function, land(way.guard, here), way.state, given), depth)
        )
    run = delivered(machine, way.function, way.args, way.state, link=first_link(machine) + depth)
    ends = [Way(NEXT, land(way.guard, run.frame.alive), run.frame.state)]
    for e in run.exits:
        rule = machine.code.exits.get(machine.code.exits[way.function].nested)
        guard = land(way.guard, e.guard)
        if rule is None or e.function in BUILTIN_EXITS:
            ends += _faults(machine, Way(e.function, guard, e.state, e.args))
        else:
            ends += entered(machine, Way(rule.function, guard, e.state, ()), depth + 1)
    return tuple(w for w in ends if w.guard is not FALSE)


def _faults(machine: Machine, way: Way) -> list[Way]:
    """An exit within a delivery: a fault of translation is the terminator that it raises."""
    if way.function != TRANSLATE:
        return [way]
    return [Way(f, land(way.guard, here), way.state, p) for f, here, p in raised(machine, way.args)]


@dataclass(frozen=True, slots=True)
class Bare:
    """One step of the bare machine: how it ends, before trap entry (`ways`) and after (`ends`)."""

    ways: tuple[Way, ...]
    ends: tuple[Way, ...]

    @property
    def left_out(self) -> Term:
        """The step leaves the specification."""
        return disjunction(w.guard for w in self.ends if w.function in ("unmodelled", "unpredictable"))


def bare(machine: Machine, subject: Subject, pre: Leaves) -> Bare:
    """The bare machine's step from the leaves `pre`; trap entry is the specification's, interrupts are none."""
    ways = instance(machine, subject.transition, pre, as_it_is, VIRTUAL, subject.private)
    return Bare(ways, tuple(end for way in ways for end in (entered(machine, way) if way.function != NEXT else (way,))))


def fetching(machine: Machine) -> Transition:
    """The fetch of the first unit at PC, as a step that changes nothing."""
    execution = Execution(machine, initial(machine), {})
    pc = execution.frame.state[machine.state.pc]
    execution.call(machine.code.fetch, (pc,))
    return Transition(execution.frame.alive, dict(execution.frame.state), tuple(execution.exits))


def faults(machine: Machine, args: tuple[Term, ...], mode: Term) -> Term:
    """The guest's own translation faults, for arguments with its mode in place of the processor's."""
    return apply(0, FAULT, *in_mode(machine, args, mode)) if faulting(machine) else FALSE


def payload_widths(machine: Machine, function: str) -> tuple[int, ...]:
    """The widths of an exit's payload."""
    if function in BUILTIN_EXITS:
        return ()
    translation = machine.code.translation
    name = translation.function if function == TRANSLATE and translation is not None else function
    return tuple(w for _, w in machine.code.functions[name].parameters)


# ---- the monitor's own steps


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page of the monitor's: its number, where it lies, and the entry for it that every guest's tables have, which is of a type."""

    number: int
    at: int
    shift: int
    entry: int
    realise: Entries

    def holds(self, address: Term) -> Term:
        """An address is in the page."""
        found = number(address, self.shift)
        return eq(found, constant(found.width, self.number))

    def leads(self, address: Term, width: int) -> Term:
        """Where an address of the page lies."""
        return mk("or", width, constant(width, self.at), resized(resized(address, self.shift), width))

    def found(self, walk: Walked) -> Term:
        """A walk finds the entry behind tables that lead to it."""
        entries = [value for _, value in walk.loads if value.width == self.realise.entry.width]
        if not entries:
            return FALSE
        leads = conjunction(has_fields(self.realise.entry, e, self.realise.table) for e in entries[:-1])
        return land(leads, eq(entries[-1], constant(entries[-1].width, self.entry)))


@dataclass(frozen=True, slots=True)
class Own:
    """What the monitor has for itself: the crossing, and the pages that it maps."""

    crossing: Crossing
    pages: tuple[OwnPage, ...]


def own(machine: Machine, crossing: Crossing, division: World) -> Own:
    """What the monitor has for itself while guests run. Raises NoTables."""
    found = machine.code.confined_by(Entries)
    if found is None or not crossing.pages:
        return Own(crossing, ())
    real = {**reset(machine), **holding(machine, division.own)}
    shape = form(machine, real)
    entry = shape.entry(private(shape, real, loosely(shape, division.shared)).fields)
    base, shift = machine.platform.ram_base, shape.shift
    pages = (
        OwnPage(a >> shift, base + offset, shift, shape.pointing(entry, base + offset), found[1])
        for a, offset in sorted(crossing.pages.items())
    )
    return Own(crossing, tuple(pages))


class Arranged(Execution):
    """What runs as the monitor has arranged it: its own pages are mapped as a crossing says, and its entries are in memory.

    A base and a limit map what they map; a unit outside the processor maps in order. `unmapped` are the conditions on which an address is
    asked for that lies in no page of the monitor's, or on which the entry of its page does not lead there, or an entry of a table is not its.
    """

    def __init__(self, machine: Machine, before: Leaves, operands: Mapping[str, Term], own: Own) -> None:
        super().__init__(machine, dict(before), operands)
        self.crossing, self.pages = own.crossing, own.pages
        self.unmapped: list[Term] = []
        self.delivering = False

    def delivers(self, function: str, args: tuple[Term, ...]) -> None:
        """Run the delivery of a terminator."""
        pc, self.delivering = self.machine.state.pc, True
        self.frame.state[NEXT_PC] = self.frame.state[pc]
        self.call(function, args)
        self.frame.state[pc] = self.frame.state.pop(NEXT_PC)

    def executes(self, fetched: Fetched) -> None:
        """Run an instruction with its operands."""
        pc, instruction = self.machine.state.leaves[self.machine.state.pc], fetched.instruction
        self.given = {"length": constant(pc.width, fetched.length)}
        if instruction.encoding_term is not None:
            leaves = {operand(t.width, n): t for n, t in self.operands.items()}
            self.given["encoding"] = substitute([instruction.encoding_term], leaves)[0]
        self.frame.state[NEXT_PC] = mk("add", pc.width, self.frame.state[pc.name], self.given["length"])
        self.block(instruction.body)
        self.frame.state[pc.name] = self.frame.state.pop(NEXT_PC)

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        found, table = super().call(name, args), self.machine.code.tables.get(name)
        if table is not None and self.delivering:
            other = lnot(has_fields(table.type, found[0], table.monitor))
            self.unmapped.append(conjunction([*self.path, self.frame.alive, other]))
        return found

    def oracle(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...] | None:
        translation = self.machine.code.translation
        if translation is not None and name in (translation.function, *translation.probes):
            if isinstance(translation.realise, Bounds):
                return None
            mode = args[translation.mode]
            if name == translation.function and mode.is_constant and mode.value not in self.crossing.modes:
                return (self._mapped(translation, args),)
        table = self.machine.code.tables.get(name)
        if table is not None and self.delivering:
            return None
        found = super().oracle(name, args)
        if table is None or found is None:
            return found
        return tuple(with_fields(self.machine, name, entry, table.monitor) for entry in found)

    def _mapped(self, translation: Translation, args: tuple[Term, ...]) -> Term:
        """Where an address of the monitor's lies."""
        width = self.machine.code.functions[translation.function].results[0]
        address = asked(translation, apply(width, ADDRESS, *args))
        if not isinstance(translation.realise, Entries):
            return resized(address, width)
        found = walked(self.machine, translation, self.frame.state, args)
        mapped = resized(address, width)
        wrong: list[Term] = [lnot(disjunction(page.holds(address) for page in self.pages))]
        for page in self.pages:
            here = page.holds(address)
            mapped = ite(here, page.leads(address, width), mapped)
            astray = lor(found.fault, lnot(eq(found.address, page.leads(address, width))))
            wrong.append(conjunction([here, page.found(found), astray]))
        self.unmapped.append(conjunction([*self.path, self.frame.alive, found.walked, disjunction(wrong)]))
        return ite(found.walked, mapped, found.address)

    def units(self) -> Iterator[tuple[Access, Term]]:
        """Every unit of memory that is accessed, with its address."""
        for a in self.accesses:
            for k in range(a.units):
                yield a, mk("add", a.address.width, a.address, constant(a.address.width, k))

    @property
    def stores(self) -> list[tuple[Term, Term]]:
        """(condition, address) of every unit that is stored."""
        return [(a.guard, unit) for a, unit in self.units() if a.write]


def within(machine: Machine, address: Term, keep: int) -> Term:
    """An address is among the first `keep` units of RAM."""
    distance = mk("sub", address.width, address, constant(address.width, machine.platform.ram_base))
    return TRUE if keep >> address.width else mk("ult", 0, distance, constant(address.width, keep))
