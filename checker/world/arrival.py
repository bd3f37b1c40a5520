"""The ways into the monitor: each delivery of the real machine from a user state, as terms over the leaves before it.

What the monitor arranges is taken for given: no fault of its own in a delivery, its own entries in tables as `monitor:` says, its own memory
mapped one to one unless a base and a limit map it, and what a delivery loads lying apart from what it has stored.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.checker.questions import relation
from pgcheck.checker.questions.copies import Leaves, over, with_fields
from pgcheck.checker.questions.delegation import condition
from pgcheck.checker.questions.hole import virtual_modes
from pgcheck.checker.questions.relation import How, relations
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.questions.translated import asked
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.sites import reached
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.once import once
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import (
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    distinct_offsets,
    eq,
    ite,
    land,
    lnot,
    mk,
    node,
    on_leaves,
    parameter,
    renamed,
    rewrite,
    select,
    walk,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, TRANSLATE
from pgcheck.isa.terms.names import CHOICE, PARAMETER, READ, STATE, TABLE, VIRTUAL
from pgcheck.isa.terms.reads import calls, free_leaves, written_leaves
from pgcheck.models.symbolic import ADDRESS, FAULT, NEXT_PC, Access, Execution, predicate, resized

MOST_STORED: Final = 512  # units, by one delivery


@dataclass(frozen=True, slots=True)
class Stored:
    """A unit of memory that a delivery stores where `guard` holds, and what it holds in the end."""

    guard: Term
    address: Term
    value: Term


@dataclass(frozen=True)
class Arrival:
    """A delivery, with the arguments that a trap hands over, that is made where `before` holds, and is in the monitor where `ends` does; from the leaves `pre` of the real machine to `post`.

    `apart` says of addresses that the monitor chooses that what is loaded or kept there is not what the delivery stores elsewhere.
    `failures` are the conditions on which it ends early for what is not the guest's. `mapped` are the addresses, each with its condition, for
    which the processor walks the monitor's page tables, and `entries` what it looks up in other tables.
    """

    setting: Setting
    how: Mapping[str, How]
    name: str
    payload: tuple[Term, ...]
    before: tuple[Term, ...]
    ends: Term
    pre: Leaves
    post: Leaves
    stored: tuple[Stored, ...]
    loaded: tuple[Access, ...]
    apart: Term
    failures: tuple[Term, ...]
    mapped: tuple[tuple[Term, Term], ...] = ()
    entries: tuple[Term, ...] = ()

    @property
    def machine(self) -> Machine:
        return self.setting.machine

    @property
    def label(self) -> str:
        return f"{self.setting.deployment.name}:{self.name}"

    @property
    def given(self) -> tuple[Term, ...]:
        """All that is known of the state before a delivery into the monitor."""
        return (*self.before, self.ends, self.apart)

    @cached_property
    def guests(self) -> frozenset[str]:
        """The leaves that are the guest's, in which it may have put anything: general and mirrored ones."""
        return frozenset(n for n, how in self.how.items() if how in ("general", MIRROR))

    def is_monitors(self, term: Term) -> bool:
        """Whether a value is made of the payload, of the monitor's leaves and entries, and of words at such addresses alone."""
        return is_monitors(self.machine, self.guests, term)

    def second(self, terms: Sequence[Term], alike: Container[str] = ()) -> list[Term]:
        """The same from another user state: other values of what is the guest's and of what is left open, all else alike.

        So are the guest's leaves in `alike`, and memory at addresses that the monitor chooses.
        """
        memory = self.machine.state.memory

        def other(term: Term, _: tuple[Term, ...]) -> Term | None:
            if term.op == "select" and term.args[0].leaf == memory and self.is_monitors(term):
                return term
            name, leaf = term.free, term.leaf
            theirs = leaf is not None and leaf in self.guests and leaf not in alike
            return renamed(term, name.tried(1)) if name is not None and (theirs or _is_open(term)) else None

        return rewrite(terms, other)


def is_monitors(machine: Machine, guests: frozenset[str], term: Term) -> bool:
    """Whether a value is made of a payload, of leaves that are not `guests`, of tables, and of words at such addresses alone."""

    def one(part: Term) -> bool:
        if part.op == "uf":
            return part.name.space == TABLE
        if part.op == "select":
            return part.args[0].leaf is not None
        name = part.free
        if name is None or name.space in (PARAMETER, READ):
            return True
        return (leaf := part.leaf) is not None and (leaf == machine.state.memory or leaf not in guests)

    return all(map(one, walk([term])))


def _is_open(term: Term) -> bool:
    """A free term that is the virtual machine's own, or that a step leaves open."""
    name = term.free
    return name is not None and (name.space == CHOICE or (name.space, name.copy) == (STATE, VIRTUAL))


def arrivals(setting: Setting, configuration: Configuration) -> tuple[Arrival, ...]:
    """Every delivery of a trap that enters the monitor, and that of interrupts where it does; kept with the machine. Raises Undecided."""
    kept, deployment = setting.machine.kept, setting.deployment
    key = (arrivals, id(deployment), setting.entering, setting.delegated, str(configuration))
    if key not in kept:  # the deployment is held on to, so that no other gets its id
        kept[key] = deployment, tuple(_arrivals(setting, configuration))
    found: tuple[Arrival, ...] = kept[key][1]
    return found


def _arrivals(setting: Setting, configuration: Configuration) -> Iterator[Arrival]:
    machine = setting.machine
    how = relations(machine, setting.deployment, configuration)
    modes = guest_modes(setting)
    pre, before = user_states(setting, configuration)
    guests = frozenset(n for n, h in how.items() if h in ("general", MIRROR))
    for name in sorted(setting.entering):
        run = Delivery(machine, pre, modes, guests)
        args = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
        run.deliver(name, args)
        known = [*before, lnot(condition(machine, setting.delegated, name, args))]
        yield _arrival(setting, how, run, name, known)
        nested = machine.code.exits[name].nested
        if nested in setting.entering and (met := run.nested(nested)) is not None:
            yield _arrival(setting, how, met[1], f"{nested} in {name}", [*known, met[0]])
    if (interrupt := machine.code.interrupt) is not None:
        run = Delivery(machine, pre, modes, guests)
        pending = run.value(node("call", 0, data=interrupt.pending))
        run.deliver(interrupt.deliver, ())
        yield _arrival(setting, how, run, interrupt.deliver, [*before, pending])


@once
def set_outside(machine: Machine) -> frozenset[str]:
    """The leaves that are set from outside the processor: requests that devices show, and what asks for interrupts and no instruction changes."""
    lines = frozenset(machine.platform.lines)
    if machine.code.interrupt is None:
        return lines
    asked = predicate(machine, node("call", 0, data=machine.code.interrupt.pending))
    bodies = [i.body for i in (machine.code.undefined, *machine.instructions)]
    functions = reached(machine, (name for body in bodies for name in calls(body)))
    bodies += [
        machine.code.functions[f].body for f in functions if f in machine.code.functions and f not in machine.code.exits
    ]
    return lines | free_leaves([asked]) - {leaf for body in bodies for leaf in written_leaves(body)}


def user_states(setting: Setting, configuration: Configuration) -> tuple[Leaves, list[Term]]:
    """The leaves of the real machine while a guest runs, and what is known of them."""
    machine = setting.machine
    how = relations(machine, setting.deployment, configuration)
    pre = {
        n: leaf.holding(configuration.constants[n]) if how[n] == relation.CONST else leaf.term
        for n, leaf in machine.state.leaves.items()
    }
    if setting.deployment.real_mode is not None:
        pre[machine.modes.leaf] = setting.mode(setting.deployment.real_mode)
    return pre, _before(setting, how, pre, guest_modes(setting))


def guest_modes(setting: Setting) -> frozenset[int]:
    """The values of the mode leaf in which the real machine runs a guest."""
    deployment = setting.deployment
    if deployment.real_mode is not None:
        return frozenset({deployment.real_mode})
    modes = deployment.modes
    return frozenset(m for each in (modes.supervisor, modes.user) for m in virtual_modes(setting, each))


def _before(setting: Setting, how: Mapping[str, How], pre: Leaves, modes: frozenset[int]) -> list[Term]:
    """A real user state: legal, as `real` says, in a mode of guests, and related to some virtual state of the guest."""
    machine, classes = setting.machine, setting.deployment.modes
    virtual = {
        n: pre[n] if how[n] in ("general", MIRROR) else leaf.copied(VIRTUAL) for n, leaf in machine.state.leaves.items()
    }
    running = disjunction(setting.virtual(each) for each in (classes.supervisor, classes.user))
    mode = pre[machine.modes.leaf]
    return [
        over((*setting.legal, setting.real), pre, machine),
        disjunction(eq(mode, setting.mode(m)) for m in sorted(modes)),
        over((*setting.legal, setting.guest, running), virtual, machine),
    ]


def _arrival(setting: Setting, how: Mapping[str, How], run: Delivery, name: str, before: Sequence[Term]) -> Arrival:
    post = dict(run.frame.state)
    monitor = on_leaves([predicate(setting.machine, setting.deployment.monitor)], post)[0]
    ends = land(run.frame.alive, monitor)
    stored, loaded = tuple(run.stored()), tuple(a for a in run.accesses if not a.write)
    failures = tuple(e.guard for e in run.exits if is_monitors(setting.machine, run.guests, e.guard))
    apart = conjunction(run.apart)
    return Arrival(
        setting=setting,
        how=how,
        name=name,
        payload=run.args,
        before=tuple(before),
        ends=ends,
        pre=run.pre,
        post=post,
        stored=stored,
        loaded=loaded,
        apart=apart,
        failures=failures,
        mapped=tuple(run.mapped),
        entries=tuple(dict.fromkeys(run.entries)),
    )


class Delivery(Execution):
    """A delivery on the real machine, as the monitor has arranged it."""

    def __init__(self, machine: Machine, pre: Leaves, modes: frozenset[int], guests: frozenset[str]) -> None:
        super().__init__(machine, dict(pre), {})
        self.pre, self.modes, self.guests = pre, modes, guests
        self.args: tuple[Term, ...] = ()
        self.apart: list[Term] = []
        self.mapped: list[tuple[Term, Term]] = []
        self.entries: list[Term] = []

    def deliver(self, name: str, args: tuple[Term, ...]) -> None:
        """Run the delivery from the program counter of the state."""
        pc, self.args = self.machine.state.pc, self.args or args
        self.frame.state[NEXT_PC] = self.frame.state[pc]
        self.call(name, args)
        self.frame.state[pc] = self.frame.state.pop(NEXT_PC)

    def nested(self, name: str) -> tuple[Term, Delivery] | None:
        """The delivery of `name` where this one meets a fault that is the guest's, with the condition of that; None where it meets none."""
        met = [
            e
            for e in self.exits
            if e.function not in BUILTIN_EXITS and not is_monitors(self.machine, self.guests, e.guard)
        ]
        if not met:
            return None
        state = dict(met[0].state)
        for e in met[1:]:
            state = {leaf: ite(e.guard, e.state[leaf], value) for leaf, value in state.items()}
        run = Delivery(self.machine, state, self.modes, self.guests)
        run.pre, run.args, run.accesses, run.apart = self.pre, self.args, list(self.accesses), list(self.apart)
        run.mapped, run.entries = list(self.mapped), list(self.entries)
        run.deliver(name, ())
        return disjunction(e.guard for e in met), run

    def oracle(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...] | None:
        translation = self.machine.code.translation
        if translation is not None and name in (translation.function, *translation.probes):
            bounded = isinstance(translation.realise, Bounds)
            return None if bounded or name != translation.function else (self._mapped(translation, args),)
        table = self.machine.code.tables.get(name)
        found = super().oracle(name, args)
        if table is None or found is None:
            return found
        self.entries += found
        return tuple(with_fields(self.machine, name, entry, table.monitor) for entry in found)

    def _mapped(self, translation: Translation, args: tuple[Term, ...]) -> Term:
        """The monitor's own addresses are mapped one to one; a guest's somewhere, if at all."""
        width = self.machine.code.functions[translation.function].results[0]
        mode = args[translation.mode]
        address = apply(width, ADDRESS, *args)
        if mode.is_constant and mode.value not in self.modes:
            if isinstance(translation.realise, Entries):
                looks = walked(self.machine, translation, self.frame.state, args).walked
                self.mapped.append((conjunction([*self.path, self.frame.alive, looks]), asked(translation, address)))
            return resized(asked(translation, address), width)
        self.exit(TRANSLATE, args, when=apply(0, FAULT, *args))
        return address

    def value(self, term: Term) -> Term:
        found = super().value(term)
        return self._resolved(found) if term.op in ("load", "select") else found

    def stored(self) -> Iterator[Stored]:
        """Every unit of memory that has been stored. Raises Undecided for more than MOST_STORED."""
        memory = self.frame.state[self.machine.state.memory]
        if sum(a.units for a in self.accesses if a.write) > MOST_STORED:
            raise Undecided("trap entry", f"it stores more than {MOST_STORED} units, too many to be told apart")
        for access in self.accesses:
            for k in range(access.units if access.write else 0):
                address = mk("add", access.address.width, access.address, constant(access.address.width, k))
                yield Stored(access.guard, address, self._read(memory, address))

    def _resolved(self, term: Term) -> Term:
        """What was loaded, where the monitor has it that nothing was stored there before."""

        def replace(part: Term, args: tuple[Term, ...]) -> Term | None:
            over_stores = part.op == "select" and args[0].op in ("store", "ite")
            return self._read(*args) if over_stores and _base(args[0]).leaf == self.machine.state.memory else None

        return rewrite([term], replace)[0]

    def _read(self, memory: Term, index: Term) -> Term:
        """The element of memory at an index; it is none that was stored at an address that the monitor could as well choose apart."""
        found: dict[Term, Term] = {}
        beneath: dict[Term, tuple[Term, ...]] = {}
        todo = [memory]
        while todo:
            here = todo[-1]
            if here not in beneath:
                beneath[here] = self._beneath(here, index)
            if missing := [m for m in beneath[here] if m not in found]:
                todo += missing
                continue
            todo.pop()
            match [found[m] for m in beneath[here]]:
                case [then, otherwise]:
                    found[here] = ite(here.args[0], then, otherwise)
                case [below]:
                    found[here] = below
                case _:
                    stored = here.op == "store" and here.args[1] is index
                    found[here] = here.args[2] if stored else select(here, index)
        return found[memory]

    def _beneath(self, memory: Term, index: Term) -> tuple[Term, ...]:
        """Where the element lies: either side of a choice, beneath a store elsewhere, or beneath one that the monitor is to have elsewhere."""
        if memory.op != "store" or memory.args[1] is index:
            return memory.args[1:] if memory.op == "ite" else ()
        place = memory.args[1]
        if not distinct_offsets(place, index):
            if not (is_monitors(self.machine, self.guests, place) and is_monitors(self.machine, self.guests, index)):
                return ()
            self.apart.append(lnot(eq(place, index)))
        return memory.args[:1]


@dataclass(frozen=True, slots=True)
class Walked:
    """A translation of the monitor's: whether page tables are walked for it, where it leads, and whether it faults; `loads` are (address, entry)."""

    walked: Term
    address: Term
    fault: Term
    loads: tuple[tuple[Term, Term], ...]


def walked(machine: Machine, translation: Translation, state: Leaves, args: tuple[Term, ...]) -> Walked:
    """Translation in a state, by its own body."""
    run = Execution(machine, dict(state), {}, cuts=False)
    (address,) = run.call(translation.function, args)
    loads = disjunction(a.guard for a in run.accesses)
    return Walked(loads, address, disjunction(e.guard for e in run.exits), tuple(run.loads))


def _base(memory: Term) -> Term:
    """The array that stores were made to."""
    while memory.args:
        memory = memory.args[1] if memory.op == "ite" else memory.args[0]
    return memory
