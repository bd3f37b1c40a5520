"""The world switch on the machine itself, on terms: after a trap entry the guest is read back as it was, and a return leads to it.

The monitor's own `Gate` runs here. What is proved of it, in every virtual mode and for everything that a trap may hand over, is what lets
rows be proved, and guests run, with an exchange of leaves in place of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from pgcheck.checker.monitor.guest import Surroundings, apart, values_on, whole
from pgcheck.checker.monitor.machine import MAX_NESTED, Arranged, Leaves, Own, own, within
from pgcheck.checker.monitor.step import EQ1, RC1, Promise
from pgcheck.checker.monitor.values import Symbolic, bits, decide, paths, term_of, value
from pgcheck.checker.questions.copies import differ, over
from pgcheck.checker.questions.entry import valid
from pgcheck.checker.questions.hole import Related, related
from pgcheck.checker.world.arrival import walked
from pgcheck.checker.world.sites import reached
from pgcheck.isa.machine.machine import Machine, ModeClass
from pgcheck.isa.terms import (
    FALSE,
    Term,
    conjunction,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    on_leaves,
    parameter,
    select,
    store,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.isa.terms.names import HELD, HELD_OTHERWISE, PARAMETER, REAL
from pgcheck.isa.terms.reads import calls
from pgcheck.models.state import Exit, Fetched, State, holding, reset
from pgcheck.models.symbolic import predicate, transition
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.gate import Gate, ResourceControlLost
from pgcheck.vmm.paging.entries import form
from pgcheck.vmm.world import load_guest

ISO2, ISO3 = "ISO2", "ISO3"
RETURN: Final = "(return)"
OWN_PAGE: Final = "(a page of the monitor's own"
_ASKED = ("holds", "execute", "arrive", "interrupt", "fetches", "values", "store")


@dataclass(frozen=True)
class Crossed:
    """What is to be proved of one way into a guest or out of it: under `hypotheses` no mismatch of a family is possible.

    `before` are the leaves of the processor, `handed` what a trap hands over.
    """

    subject: str
    mode: int
    hypotheses: tuple[Term, ...]
    mismatches: Mapping[str, Mapping[str, Term]]
    before: Leaves
    handed: tuple[Term, ...] = ()


class Processor:
    """The processor at a world switch: it delivers traps and executes returns, in memory that the monitor keeps for itself."""

    def __init__(self, machine: Machine, own: Own) -> None:
        self.machine, self.own, self.crossing = machine, own, own.crossing
        self.stored: list[tuple[Term, Term]] = []
        self.unmapped: list[Term] = []

    def binding(self) -> Binding:
        """What the gate asks of the processor."""
        return replace(REFERENCE, **{n: getattr(self, n) for n in _ASKED})

    def holds(self, machine: Machine, term: Term, state: State, surroundings: Surroundings) -> bool:
        return decide(on_leaves([predicate(machine, term)], whole(machine, state, surroundings))[0])

    def values(
        self,
        machine: Machine,
        terms: Sequence[Term],
        state: State,
        surroundings: Surroundings,
        handed: Mapping[str, int],
    ) -> list[int]:
        return values_on(machine, terms, {**surroundings.outside, **whole(machine, state, surroundings)}, handed)

    def store(self, machine: Machine, address: int, value_: int, state: State, surroundings: Surroundings) -> None:
        space = machine.state
        unit, memory = bits(value_, space.memory_unit), surroundings.outside[space.memory]
        surroundings.outside[space.memory] = store(memory, bits(address, space.address_width), unit)

    def interrupt(self, machine: Machine, state: State, surroundings: Surroundings) -> tuple[str, Exit | None]:
        assert machine.code.interrupt is not None
        return self.arrive(machine, Exit(machine.code.interrupt.deliver, ()), state, surroundings)

    def arrive(
        self, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings
    ) -> tuple[str, Exit | None]:
        name = function = exit_.function
        before: Leaves = whole(machine, state, surroundings)
        args = tuple(bits(a, w) for a, (_, w) in zip(exit_.args, machine.code.functions[name].parameters, strict=True))
        for _ in range(MAX_NESTED):
            run = Arranged(machine, before, {}, self.own)
            run.delivers(function, args)
            nested = next((e for e in run.exits if decide(e.guard)), None)
            self.stored += run.stores
            self.unmapped += run.unmapped
            if nested is None:
                self._become(run.frame.state, state, surroundings)
                return name, None
            rule = machine.code.exits.get(machine.code.exits[function].nested)
            if rule is None or nested.function in BUILTIN_EXITS:
                return name, Exit(nested.function, ())
            function, args, before = rule.function, (), nested.state
            name = f"{function} in {name}"
        return name, Exit(function, ())

    def execute(
        self, machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings
    ) -> tuple[Exit | None, Fetched | None]:
        assert fetched is not None
        widths = fetched.instruction.operands
        given = {n: constant(widths[n].width, v) for n, v in fetched.operands.items()}
        run = Arranged(machine, whole(machine, state, surroundings), given, self.own)
        run.executes(fetched)
        ended = next((e for e in run.exits if decide(e.guard)), None)
        self.unmapped += run.unmapped
        self._become(run.frame.state if ended is None else ended.state, state, surroundings)
        return (None if ended is None else Exit(ended.function, ())), fetched

    def fetches(self, machine: Machine, keep: int, state: State, surroundings: Surroundings) -> bool:
        before = dict(whole(machine, state, surroundings))
        mode = before[machine.modes.leaf]
        at = (constant(mode.width, m) for m in range(1 << mode.width))
        before[machine.modes.leaf] = mode if mode.is_constant else next((m for m in at if decide(eq(mode, m))), mode)
        run = Arranged(machine, before, {}, self.own)
        run.call(machine.code.fetch, (before[machine.state.pc],))
        astray = [land(a.guard, lnot(within(machine, unit, keep))) for a, unit in run.units()]
        failed = disjunction([*(e.guard for e in run.exits), *run.unmapped, *astray])
        return decide(land(disjunction(a.guard for a in run.accesses), lnot(failed)))

    def _become(self, leaves: Leaves, state: State, surroundings: Surroundings) -> None:
        for name, term in leaves.items():
            if name in surroundings.outside:
                surroundings.outside[name] = term
            else:
                state[name] = value(self.machine.state.leaves[name], term)


# ---- out of a guest and into it


def crossed(promise: Promise, mode_class: ModeClass, mode: int) -> Iterator[Crossed]:
    """Every way, in one virtual mode; none where a policy has no crossing."""
    if promise.policy.crossing is None:
        return
    states = related(promise.setting, mode_class, mode, promise.configuration)
    yield from _refusing(promise, states, mode)
    yield _entering(promise, states, mode)
    for name in promise.policy.crossing.recoveries:
        if " in " not in name:
            yield _leaving(promise, states, mode, name)


def told(promise: Promise) -> Iterator[Crossed]:
    """For every trap that saves no PC, by every instruction: where it was taken, in any mode."""
    for name in () if promise.policy.crossing is None else promise.policy.crossing.recoveries:
        if " in " not in name and (where := _by_payload(promise, name)) is not None:
            yield from _taken(promise, name, where)


def own_of(promise: Promise) -> Own:
    """What the monitor has for itself under a promise."""
    assert promise.policy.crossing is not None
    return own(promise.machine, promise.policy.crossing, promise.division)


def gate_of(promise: Promise, binding: Binding) -> Gate:
    """The monitor's own gate, for a processor that finds the monitor's pages where the crossing says."""
    assert promise.policy.crossing is not None
    setting = promise.setting
    crossing, shared = promise.policy.crossing, promise.division.shared
    return Gate(setting.machine, setting.deployment, crossing, shared, binding, walked=False)


def _real(promise: Promise, states: Related, free: frozenset[str]) -> dict[str, Term]:
    """The processor's leaves while a guest runs, computer aside; of the monitor's own those in `free`, and devices' lines, hold anything."""
    leaves, division = promise.machine.state.leaves, promise.division
    free |= frozenset(promise.machine.platform.lines)
    own = {
        n: leaves[n].copied(REAL) if n in free or n in promise.sets else leaves[n].holding(v)
        for n, v in division.own.items()
    }
    return load_guest(division, states.virtual, own)


def _given(promise: Promise, states: Related, real: Leaves) -> tuple[Term, ...]:
    """What is known of a guest's state and of the processor's."""
    machine, setting = promise.machine, promise.setting
    outside = {n: machine.state.leaves[n].term for n in apart(machine)}
    return states.of_virtual, over((*setting.legal, setting.real), {**outside, **real}, machine)


def _refusing(promise: Promise, states: Related, mode: int) -> Iterator[Crossed]:
    """A guest is refused whatever it does in a page of the monitor's own, by the entry that its tables have."""
    machine, translation = promise.machine, promise.machine.code.translation
    pages = own_of(promise).pages
    if not pages or translation is None:
        return
    real = _real(promise, states, frozenset())
    leaves = {**_anything(machine), **real}
    widths = machine.code.functions[translation.function].parameters
    args = {n: parameter(w, n) for n, w in widths}
    args[translation.parameters[translation.mode][0]] = real[machine.modes.leaf]
    found = walked(machine, translation, leaves, tuple(args.values()))
    linear = form(machine, {**reset(machine), **holding(machine, promise.division.own)}).pages.linear
    (address,) = substitute(on_leaves([linear], leaves), {parameter(w, n): args[n] for n, w in widths})
    given = (*_given(promise, states, real), *valid(translation, args))
    for page in pages:
        reached = conjunction([page.holds(address), found.walked, page.found(found), lnot(found.fault)])
        yield Crossed(
            f"{OWN_PAGE}, {page.number << page.shift:#x})@{mode}",
            mode,
            given,
            {ISO2: {"a guest's access passes": reached}},
            leaves,
            tuple(args.values()),
        )


def _entering(promise: Promise, states: Related, mode: int) -> Crossed:
    machine, leaves = promise.machine, promise.machine.state.leaves
    wanted = _real(promise, states, frozenset())
    other = {leaf.copied(HELD): leaf.copied(HELD_OTHERWISE) for leaf in leaves.values()}
    found: dict[str, dict[str, Term]] = {EQ1: {}, RC1: {}, ISO3: {}}
    broken: list[tuple[str, Term]] = []

    def entered() -> dict[str, Term] | str:
        processor = Processor(machine, own_of(promise))
        outside = Surroundings(_held(promise))
        state: State = {n: value(leaf, leaf.copied(HELD)) for n, leaf in leaves.items() if n in wanted}
        goal = {n: value(leaves[n], t) for n, t in wanted.items()}
        try:
            gate_of(promise, processor.binding()).enter(goal, state, cast(Any, outside))
        except ResourceControlLost as lost:
            return str(lost)
        broken.extend(_broken(promise, processor, outside))
        return {n: term_of(leaves[n], v) for n, v in state.items()}

    for path in paths(entered):
        when = conjunction(path.conditions)
        for what, term in broken:
            _add(found[RC1], what, land(when, term))
        broken.clear()
        if isinstance(path.outcome, str):
            _add(found[EQ1 if "another" in path.outcome else RC1], path.outcome, when)
            continue
        for name, term in path.outcome.items():
            again = substitute([term], other)[0]
            _add(found[ISO3], name, land(when, differ(leaves[name], term, again)))
    return Crossed(f"{RETURN}@{mode}", mode, _given(promise, states, wanted), found, {**_anything(machine), **wanted})


def _leaving(promise: Promise, states: Related, mode: int, name: str) -> Crossed:
    machine, leaves = promise.machine, promise.machine.state.leaves
    assert promise.policy.crossing is not None
    free = frozenset(c.leaf for r in promise.policy.crossing.returns for c in r.left)
    before = _real(promise, states, free)
    handed = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
    found: dict[str, dict[str, Term]] = {EQ1: {}, RC1: {}, ISO2: {}}
    for path in paths(lambda: _arrived(promise, before, name, handed)):
        when, (how, guest, stored, broken) = conjunction(path.conditions), path.outcome
        if how and OTHERWISE not in how:
            _add(found[RC1], how, when)
        for what, term in broken:
            _add(found[RC1], what, land(when, term))
        for leaf, term in guest.items():
            _add(found[EQ1], f"state:{leaf}", land(when, differ(leaves[leaf], term, before[leaf])))
        for guard, address in () if OTHERWISE in how else stored:
            inside = within(machine, address, promise.policy.crossing.keep)
            _add(found[ISO2], "a store beyond what is kept", conjunction([when, guard, lnot(inside)]))
    return Crossed(
        f"(trap entry, {name})@{mode}",
        mode,
        _given(promise, states, before),
        found,
        {**_anything(machine), **before},
        handed,
    )


OTHERWISE: Final = "does not enter the monitor"  # which premise PG115 tells of


def _arrived(
    promise: Promise, before: Leaves, name: str, handed: tuple[Term, ...]
) -> tuple[str, Leaves, list[tuple[Term, Term]], list[tuple[str, Term]]]:
    """(how control was lost, the guest's leaves as read back, what was stored, what the monitor's memory lacks), on the current path."""
    machine, leaves = promise.machine, promise.machine.state.leaves
    processor = Processor(machine, own_of(promise))
    outside = Surroundings(_held(promise))
    state: State = {n: value(leaves[n], t) for n, t in before.items()}
    interrupt = machine.code.interrupt is not None and name == machine.code.interrupt.deliver
    exit_ = None if interrupt else Exit(name, tuple(Symbolic.of(t) for t in handed))
    try:
        arrived = gate_of(promise, processor.binding()).arrive(exit_, state, cast(Any, outside))
    except ResourceControlLost as lost:
        return str(lost), {}, processor.stored, list(_broken(promise, processor, outside))
    pc = machine.state.pc
    hidden = () if arrived.located and not _by_payload(promise, name) else (pc,)
    guest = {n: term_of(leaves[n], v) for n, v in arrived.guest.items() if n not in hidden}
    return "", guest, processor.stored, list(_broken(promise, processor, outside))


def _anything(machine: Machine) -> dict[str, Term]:
    """What is no part of the processor's state."""
    return {n: machine.state.leaves[n].copied(HELD) for n in apart(machine)}


def _held(promise: Promise) -> dict[str, Term]:
    """The same with what the monitor has laid down in its own memory."""
    machine, crossing = promise.machine, promise.policy.crossing
    space, held = machine.state, _anything(machine)
    for address, value_ in () if crossing is None else sorted(crossing.laid.items()):
        cell = constant(space.address_width, address), constant(space.memory_unit, value_)
        held[space.memory] = store(held[space.memory], *cell)
    return held


def _broken(promise: Promise, processor: Processor, outside: Surroundings) -> Iterator[tuple[str, Term]]:
    """What the monitor's own memory lacks for the next way in or out: a page that is used and not mapped, an entry that is stored over."""
    space = promise.machine.state
    yield "an entry of the monitor's own is not there", disjunction(processor.unmapped)
    for address, value_ in sorted(processor.crossing.laid.items()):
        now = select(outside.outside[space.memory], constant(space.address_width, address))
        yield f"the monitor's entry at {address:#x} afterwards", lnot(eq(now, constant(space.memory_unit, value_)))


def _by_payload(promise: Promise, name: str) -> Term | None:
    """Where an instruction was that took a trap, if what is handed over says it, and not what the delivery has saved."""
    assert promise.policy.crossing is not None
    pc = promise.machine.state.pc
    found = (c.value for c in promise.policy.crossing.recoveries[name].copies if c.leaf == pc)
    handed = (v for v in found if all(t.free is None or t.free.space == PARAMETER for t in walk([v])))
    return next(handed, None)


def _taken(promise: Promise, name: str, where: Term) -> Iterator[Crossed]:
    """What a trap hands over says where it was taken, if it says anything."""
    machine = promise.machine
    assert promise.policy.crossing is not None
    located = promise.policy.crossing.recoveries[name].located
    parameters = machine.code.functions[name].parameters
    pc = machine.state.leaves[machine.state.pc].term
    for instruction in (machine.code.undefined, *machine.instructions):
        if name not in reached(machine, calls(instruction.body)):
            continue
        found: dict[str, Term] = {}
        for e in (e for e in transition(machine, instruction).exits if e.function == name):
            given = {parameter(w, n): a for (n, w), a in zip(parameters, e.args, strict=True)}
            said, there = substitute([located, where], given)
            _add(found, "state:PC", conjunction([e.guard, instruction.canonical, said, lnot(eq(there, pc))]))
        yield Crossed(f"(where {instruction.id} took {name})", 0, promise.setting.legal, {EQ1: found}, {})


def _add(found: dict[str, Term], name: str, term: Term) -> None:
    if term is not FALSE:
        found[name] = disjunction([found.get(name, FALSE), term])
