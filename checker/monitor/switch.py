"""The world switch on the machine itself, on terms: after a trap entry the guest is read back as it was, and a return leads to it.

The monitor's own `Gate` runs here. What is proved of it, in every virtual mode and for everything that a trap may hand over, is what lets
rows be proved, and guests run, with an exchange of leaves in place of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from pgcheck.checker.monitor.guest import Surroundings, apart, values_on, whole
from pgcheck.checker.monitor.machine import MAX_NESTED, Leaves
from pgcheck.checker.monitor.result import Counterexample
from pgcheck.checker.monitor.step import EQ1, RC1, Promise
from pgcheck.checker.monitor.values import Symbolic, bits, decide, paths, term_of, value
from pgcheck.checker.questions.answers import state_under
from pgcheck.checker.questions.copies import differ, over, with_fields
from pgcheck.checker.questions.hole import Related, related
from pgcheck.checker.questions.translated import asked
from pgcheck.checker.solving.model import Model
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.checker.world.sites import reached
from pgcheck.isa.machine.machine import Machine, ModeClass
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    mk,
    on_leaves,
    operand,
    parameter,
    rewrite,
    store,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.isa.terms.names import HELD, HELD_OTHERWISE, PARAMETER, REAL
from pgcheck.isa.terms.reads import calls
from pgcheck.models.state import Exit, Fetched, State, cells, copied
from pgcheck.models.state import Surroundings as PlainSurroundings
from pgcheck.models.symbolic import ADDRESS, NEXT_PC, Execution, predicate, resized, transition
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.gate import Gate, ResourceControlLost
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.world import load_guest

ISO2, ISO3 = "ISO2", "ISO3"
RETURN: Final = "(return)"
_ASKED = ("holds", "execute", "arrive", "interrupt", "values", "store")


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

    def __init__(self, machine: Machine, policy: Policy) -> None:
        assert policy.crossing is not None
        self.machine, self.crossing = machine, policy.crossing
        self.stored: list[tuple[Term, Term]] = []

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
            run = Arranged(machine, before, {}, self.crossing.modes)
            run.delivers(function, args)
            nested = next((e for e in run.exits if decide(e.guard)), None)
            self.stored += run.stores
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
        run = Arranged(machine, whole(machine, state, surroundings), given, self.crossing.modes)
        run.executes(fetched)
        ended = next((e for e in run.exits if decide(e.guard)), None)
        self._become(run.frame.state if ended is None else ended.state, state, surroundings)
        return (None if ended is None else Exit(ended.function, ())), fetched

    def _become(self, leaves: Leaves, state: State, surroundings: Surroundings) -> None:
        for name, term in leaves.items():
            if name in surroundings.outside:
                surroundings.outside[name] = term
            else:
                state[name] = value(self.machine.state.leaves[name], term)


class Arranged(Execution):
    """What runs as the monitor has arranged it: its own addresses are mapped in order, or by base and limit, and its tables hold its entries."""

    def __init__(self, machine: Machine, before: Leaves, operands: Mapping[str, Term], guests: frozenset[int]) -> None:
        super().__init__(machine, dict(before), operands)
        self.guests = guests

    def delivers(self, function: str, args: tuple[Term, ...]) -> None:
        """Run the delivery of a terminator."""
        pc = self.machine.state.pc
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

    def oracle(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...] | None:
        translation = self.machine.code.translation
        if translation is not None and name in (translation.function, *translation.probes):
            if isinstance(translation.realise, Bounds):
                return None
            mode, width = args[translation.mode], self.machine.code.functions[name].results[0]
            if name == translation.function and mode.is_constant and mode.value not in self.guests:
                return (resized(asked(translation, apply(width, ADDRESS, *args)), width),)
        found = super().oracle(name, args)
        table = self.machine.code.tables.get(name)
        if table is None or found is None:
            return found
        return tuple(with_fields(self.machine, name, entry, table.monitor) for entry in found)

    @property
    def stores(self) -> list[tuple[Term, Term]]:
        """(condition, address) of every unit that is stored."""
        return [
            (a.guard, mk("add", a.address.width, a.address, constant(a.address.width, k)))
            for a in self.accesses
            for k in range(a.units if a.write else 0)
        ]


# ---- out of a guest and into it


def crossed(promise: Promise, mode_class: ModeClass, mode: int) -> Iterator[Crossed]:
    """Every way, in one virtual mode; none where a policy has no crossing."""
    if promise.policy.crossing is None:
        return
    states = related(promise.setting, mode_class, mode, promise.configuration)
    yield _entering(promise, states, mode)
    for name in promise.policy.crossing.recoveries:
        if " in " not in name:
            yield _leaving(promise, states, mode, name)


def told(promise: Promise) -> Iterator[Crossed]:
    """For every trap that saves no PC, by every instruction: where it was taken, in any mode."""
    for name in () if promise.policy.crossing is None else promise.policy.crossing.recoveries:
        if " in " not in name and (where := _by_payload(promise, name)) is not None:
            yield from _taken(promise, name, where)


def _gate(promise: Promise, binding: Binding) -> Gate:
    assert promise.policy.crossing is not None
    setting = promise.setting
    return Gate(setting.machine, setting.deployment, promise.policy.crossing, promise.division.shared, binding)


def _real(promise: Promise, states: Related, free: frozenset[str]) -> dict[str, Term]:
    """The processor's leaves while a guest runs, computer aside; of the monitor's own those in `free` hold anything."""
    leaves, division = promise.machine.state.leaves, promise.division
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


def _entering(promise: Promise, states: Related, mode: int) -> Crossed:
    machine, leaves = promise.machine, promise.machine.state.leaves
    wanted = _real(promise, states, frozenset())
    other = {leaf.copied(HELD): leaf.copied(HELD_OTHERWISE) for leaf in leaves.values()}
    found: dict[str, dict[str, Term]] = {EQ1: {}, RC1: {}, ISO3: {}}

    def entered() -> dict[str, Term] | str:
        processor = Processor(machine, promise.policy)
        outside = Surroundings({n: leaves[n].copied(HELD) for n in apart(machine)})
        state: State = {n: value(leaf, leaf.copied(HELD)) for n, leaf in leaves.items() if n in wanted}
        goal = {n: value(leaves[n], t) for n, t in wanted.items()}
        try:
            _gate(promise, processor.binding()).enter(goal, state, cast(Any, outside))
        except ResourceControlLost as lost:
            return str(lost)
        return {n: term_of(leaves[n], v) for n, v in state.items()}

    for path in paths(entered):
        when = conjunction(path.conditions)
        if isinstance(path.outcome, str):
            _add(found[EQ1 if "another" in path.outcome else RC1], path.outcome, when)
            continue
        for name, term in path.outcome.items():
            again = rewrite([term], lambda t, _: other.get(t))[0]
            _add(found[ISO3], name, land(when, differ(leaves[name], term, again)))
    held = {n: leaves[n].copied(HELD) for n in apart(machine)}
    return Crossed(f"{RETURN}@{mode}", mode, _given(promise, states, wanted), found, {**held, **wanted})


def _leaving(promise: Promise, states: Related, mode: int, name: str) -> Crossed:
    machine, leaves = promise.machine, promise.machine.state.leaves
    assert promise.policy.crossing is not None
    free = frozenset(c.leaf for r in promise.policy.crossing.returns for c in r.left)
    before = _real(promise, states, free)
    handed = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
    found: dict[str, dict[str, Term]] = {EQ1: {}, RC1: {}, ISO2: {}}
    for path in paths(lambda: _arrived(promise, before, name, handed)):
        when, (how, guest, stored) = conjunction(path.conditions), path.outcome
        if how and OTHERWISE not in how:
            _add(found[RC1], how, when)
        for leaf, term in guest.items():
            _add(found[EQ1], f"state:{leaf}", land(when, differ(leaves[leaf], term, before[leaf])))
        for guard, address in () if OTHERWISE in how else stored:
            inside = within(machine, address, promise.policy.crossing.keep)
            _add(found[ISO2], "a store beyond what is kept", conjunction([when, guard, lnot(inside)]))
    held = {n: leaves[n].copied(HELD) for n in apart(machine)}
    return Crossed(
        f"(trap entry, {name})@{mode}", mode, _given(promise, states, before), found, {**held, **before}, handed
    )


OTHERWISE: Final = "does not enter the monitor"  # which premise PG115 tells of


def _arrived(
    promise: Promise, before: Leaves, name: str, handed: tuple[Term, ...]
) -> tuple[str, Leaves, list[tuple[Term, Term]]]:
    """(how control was lost, the guest's leaves as read back, what was stored), on the current path."""
    machine, leaves = promise.machine, promise.machine.state.leaves
    processor = Processor(machine, promise.policy)
    outside = Surroundings({n: leaves[n].copied(HELD) for n in apart(machine)})
    state: State = {n: value(leaves[n], t) for n, t in before.items()}
    interrupt = machine.code.interrupt is not None and name == machine.code.interrupt.deliver
    exit_ = None if interrupt else Exit(name, tuple(Symbolic.of(t) for t in handed))
    try:
        arrived = _gate(promise, processor.binding()).arrive(exit_, state, cast(Any, outside))
    except ResourceControlLost as lost:
        return str(lost), {}, processor.stored
    pc = machine.state.pc
    hidden = () if arrived.located and not _by_payload(promise, name) else (pc,)
    guest = {n: term_of(leaves[n], v) for n, v in arrived.guest.items() if n not in hidden}
    return "", guest, processor.stored


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


def within(machine: Machine, address: Term, keep: int) -> Term:
    """An address is among the first `keep` units of RAM."""
    distance = mk("sub", address.width, address, constant(address.width, machine.platform.ram_base))
    return TRUE if keep >> address.width else mk("ult", 0, distance, constant(address.width, keep))


def _add(found: dict[str, Term], name: str, term: Term) -> None:
    if term is not FALSE:
        found[name] = disjunction([found.get(name, FALSE), term])


# ---- on integers


def replayed(promise: Promise, one: Crossed, model: Model) -> Counterexample:
    """The way taken by the real gate from a model's state; `differs` names what is not as it was, or is not as it is wanted."""
    machine = promise.machine
    gate = _gate(promise, REFERENCE)
    differs: list[str] = []
    args = tuple(model.values(one.handed))
    if not one.before:
        wrong = {n: t for by in one.mismatches.values() for n, t in by.items()}
        return Counterexample(one.subject, {}, 0, {}, (), tuple(n for n, t in wrong.items() if model.satisfies([t])))
    state = state_under(machine, one.before, model)
    before = copied(state)
    try:
        if one.subject.startswith(RETURN):
            wanted = {n: v for n, v in before.items() if n not in apart(machine)}
            held = {n: leaf.copied(HELD) for n, leaf in machine.state.leaves.items()}
            state.update({n: v for n, v in state_under(machine, held, model).items() if n in wanted})
            gate.enter(wanted, state, PlainSurroundings())
        else:
            name = one.subject.partition(", ")[2].partition(")")[0]
            interrupt = machine.code.interrupt is not None and name == machine.code.interrupt.deliver
            arrived = gate.arrive(None if interrupt else Exit(name, args), state, PlainSurroundings())
            hidden = () if arrived.located else (machine.state.pc,)
            differs = [f"state:{n}" for n, v in arrived.guest.items() if v != before[n] and n not in hidden]
            differs += [f"stores:{a:#x}" for a in _beyond(machine, gate.crossing.keep, before, state)]
    except ResourceControlLost as lost:
        differs = [str(lost)]
    return Counterexample(one.subject, {}, one.mode, values_of(before), (), tuple(differs))


def _beyond(machine: Machine, keep: int, before: State, after: State) -> list[int]:
    """The addresses beyond what is kept at which memory has changed."""
    base, memory = machine.platform.ram_base, machine.state.memory
    was, now = cells(before, memory), cells(after, memory)
    return sorted(a for a in now if now[a] != was[a] and not base <= a < base + keep)
