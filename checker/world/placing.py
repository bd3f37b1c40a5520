"""Where the monitor can have its memory and a guest its own: a choice of the monitor's state, made before the guest makes any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pgcheck.checker.questions.entry import valid
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.pinning import pinned
from pgcheck.checker.world.arrival import Arrival, Delivery, guest_modes, set_outside
from pgcheck.checker.world.sites import reached
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Translation
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms import (
    TRUE,
    Name,
    Term,
    conjunction,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    lor,
    mk,
    parameter,
    variable,
)
from pgcheck.isa.terms.names import FREE, TABLE
from pgcheck.isa.terms.reads import calls
from pgcheck.models.symbolic import Access, Execution, resized

ROUNDS = 16
GIVEN = "given"  # what some guest is given, an address that the monitor chooses


@dataclass(frozen=True, slots=True)
class Spot:
    """A unit of memory that the monitor needs for itself where `guard` holds."""

    guard: Term
    address: Term


def chosen(evidence: Evidence, wanted: Term, sketch: Term, whose: Callable[[Term], bool], label: str) -> bool:
    """Whether the monitor can choose what is its own (`whose`) so that `wanted` holds, whatever the rest is. Raises Undecided.

    `sketch` is implied by what is wanted; it guides the choice.
    """
    lessons = [sketch]
    for _ in range(ROUNDS):
        choice = evidence.model(lessons, f"{label}:choice")
        if choice is None:
            return False
        answer = evidence.model([lnot(*pinned([wanted], choice, whose))], f"{label}:answer")
        if answer is None:
            return True
        lessons += pinned([wanted], answer, lambda t: not whose(t))
    raise Undecided(label, f"{ROUNDS} choices of the monitor's state did not settle it")


@dataclass(frozen=True)
class Window:
    """What a guest reaches of physical memory through a base and a limit, from the state before a delivery."""

    arrival: Arrival
    translation: Translation
    bounds: Bounds

    @cached_property
    def asked(self) -> Mapping[str, Term]:
        """Any arguments of a translation."""
        return self._arguments("asked")

    @cached_property
    def given(self) -> Term:
        """Some access of a guest passes."""
        address, passes = self._translated(self._arguments(GIVEN))
        return passes

    def reaches(self, address: Term) -> Term:
        """An access of the guest's with the arguments `asked` is at this address."""
        there, passes = self._translated(self.asked)
        return land(passes, eq(there, address))

    def reaches_directly(self, address: Term) -> Term:
        """The same of the one virtual address that the base leads there from, in every mode of guests and for every kind of access."""
        base = self.arrival.pre[self.bounds.base]
        width = self.asked[self.bounds.address].width
        distance = mk("sub", address.width, address, resized(base, address.width))
        direct = {**self.asked, self.bounds.address: resized(distance, width)}
        found = (self._translated(args) for args in self._of_guests(direct))
        return disjunction(land(passes, eq(there, address)) for there, passes in found)

    def _of_guests(self, args: Mapping[str, Term]) -> Iterator[dict[str, Term]]:
        """The arguments with each mode of guests and each kind of access."""
        translation, setting = self.translation, self.arrival.setting
        mode, (access, type_) = translation.parameters[translation.mode][0], translation.parameters[translation.access]
        kinds = sorted(set(type_.members.values())) if isinstance(type_, Enum) else []
        for m in sorted(guest_modes(setting)):
            for kind in [constant(args[access].width, k) for k in kinds] or [args[access]]:
                yield {**args, mode: setting.mode(m), access: kind}

    def _arguments(self, kind: str) -> dict[str, Term]:
        parameters = self.arrival.machine.code.functions[self.translation.function].parameters
        return {n: variable(w, Name(FREE, f"{kind} {n}")) for n, w in parameters}

    def _translated(self, args: Mapping[str, Term]) -> tuple[Term, Term]:
        """Where a guest's access goes, and whether it passes."""
        machine, setting = self.arrival.machine, self.arrival.setting
        run = Execution(machine, dict(self.arrival.pre), {}, cuts=False)
        (address,) = run.call(self.translation.function, tuple(args.values()))
        mode = list(args.values())[self.translation.mode]
        running = disjunction(eq(mode, setting.mode(m)) for m in sorted(guest_modes(setting)))
        faults = disjunction(e.guard for e in run.exits)
        return address, conjunction([running, *valid(self.translation, args), lnot(faults)])


def window(arrival: Arrival) -> Window | None:
    """The guest's window where a base and a limit make one."""
    found = arrival.machine.code.confined_by(Bounds)
    return None if found is None else Window(arrival, *found)


def first_instruction(arrival: Arrival) -> tuple[Term, list[Spot]]:
    """Whether the monitor's first instruction can be fetched from memory, through its own mapping, and from where."""
    machine = arrival.machine
    run = Execution(machine, dict(arrival.post), {}, cuts=False)
    run.call(machine.code.fetch, (arrival.post[machine.state.pc],))
    read = [a for a in run.accesses if not a.write]
    fails = disjunction(e.guard for e in run.exits)
    return land(lnot(fails), disjunction(a.guard for a in read)), [
        Spot(a.guard, unit(a.address, k)) for a in read for k in range(a.units)
    ]


def unit(address: Term, offset: int) -> Term:
    """The address of a unit further on."""
    return mk("add", address.width, address, constant(address.width, offset))


def placeable(
    arrivals: Sequence[Arrival], spots: Callable[[Arrival], tuple[Term, list[Spot]]], evidence: Evidence
) -> bool:
    """Whether the monitor can choose its state so that some guest has memory, and none reaches the `spots` of any delivery.

    `spots` gives what else must hold of a delivery, too. Raises Undecided. Without a base and a limit the monitor gives memory away
    by frames, and keeps those that it needs.
    """
    wanted: list[Term] = []
    sketch: list[Term] = []
    for arrival in arrivals:
        begins, enters = conjunction(arrival.before), conjunction([*arrival.before, arrival.ends])
        state = [t for t in arrival.before if arrival is arrivals[0] or arrival.is_monitors(t)]
        view = window(arrival)
        if view is None:
            apart = lor(lnot(enters), arrival.apart)
            wanted += [apart] if arrival.apart is not TRUE else []
            sketch += [*state, apart] if arrival.apart is not TRUE else []
            continue
        holds, needed = spots(arrival)
        always = [lnot(land(begins, disjunction(arrival.failures))), lor(lnot(enters), land(holds, arrival.apart))]
        exposed = disjunction(land(s.guard, view.reaches(s.address)) for s in needed)
        plainly = disjunction(land(s.guard, view.reaches_directly(s.address)) for s in needed)
        wanted += [*always, view.given, lnot(land(enters, exposed))]
        sketch += [*state, *always, view.given, lnot(land(enters, plainly))]
    if not wanted:
        return True
    whose = monitors(arrivals[0])
    return chosen(
        evidence, conjunction(wanted), conjunction(sketch), whose, f"{arrivals[0].setting.deployment.name}:placing"
    )


def monitors(arrival: Arrival) -> Callable[[Term], bool]:
    """What picks the terms that are the monitor's to choose: its leaves, its entries in tables, and memory."""
    memory = arrival.machine.state.memory
    theirs = arrival.guests | set_outside(arrival.machine)

    def whose(term: Term) -> bool:
        if term.op == "uf":
            return term.name.space == TABLE
        name, leaf = term.free, term.leaf
        if name is not None and name.space == FREE:
            return name.text.startswith(GIVEN)
        return leaf is not None and (leaf == memory or leaf not in theirs)

    return whose


# ---- what deliveries look up in the monitor's tables, by the tables' own functions


def looked_up(arrival: Arrival) -> list[Access]:
    """What is loaded where the processor looks up the monitor's tables: for a delivery, and for whatever an instruction asks of a table."""
    machine = arrival.machine
    asked = [(t.name.text, t.args) for t in arrival.entries]
    bodies = [name for i in (machine.code.undefined, *machine.instructions) for name in calls(i.body)]
    for name in sorted(machine.code.tables.keys() & reached(machine, iter(bodies))):
        asked.append((name, tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)))
    return [a for name, args in dict.fromkeys(asked) for a in _looked_up(arrival, name, args)[1]]


@dataclass(frozen=True, slots=True)
class Lookup:
    """An entry that a delivery looks up, and what it is: what the table's own function makes of what it loads."""

    entry: Term
    table: str
    found: Term
    loaded: tuple[Access, ...]


def lookups(arrival: Arrival) -> list[Lookup]:
    """The entries of tables that a delivery looks up."""
    found = []
    for entry in arrival.entries:
        results, loaded = _looked_up(arrival, entry.name.text, entry.args)
        found.append(Lookup(entry, entry.name.text, results[0], tuple(loaded)))
    return found


def _looked_up(arrival: Arrival, name: str, args: tuple[Term, ...]) -> tuple[tuple[Term, ...], list[Access]]:
    run = _Lookup(arrival.machine, arrival.pre, guest_modes(arrival.setting), arrival.guests)
    run.table = name
    results = run.call(name, args)
    return results, [a for a in run.accesses if not a.write]


class _Lookup(Delivery):
    """The lookup in one table, by the text of its function."""

    table = ""

    def oracle(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...] | None:
        return None if name == self.table else super().oracle(name, args)
