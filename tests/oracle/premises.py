"""Premises of the theorems by enumeration: what a machine under a deployment and a configuration must offer a monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.models.reference import cycle
from pgcheck.models.state import Exit, State
from tests.oracle.entering import uncontrolled, unrecoverable
from tests.oracle.laws import Asked, translations
from tests.oracle.resuming import partial_instructions_resume
from tests.oracle.space import Relation
from tests.oracle.steps import Payload, trap

TIMERS = ("timer", "ticker")


def entering(about: Asked) -> Iterator[Payload]:
    """The payloads whose deliveries enter the monitor, and those of interrupts, but for those that a guest in its own mode may have."""
    own = about.space.deployment.real_mode is None
    for payload in about.deliveries.ends:
        if payload in about.deliveries.interrupts and own and not about.deliveries.enters(about.space, payload):
            continue
        if payload not in about.continued:
            yield payload


def entry_is_recoverable(about: Asked, relation: Relation) -> bool:
    return not unrecoverable(about.deliveries, relation, entering(about), handed(about))


def handed(about: Asked) -> int | None:
    """At which distance from the address of its instruction every trap hands over one, if it is the same; a translation's says nothing of it."""
    machine, distances = about.machine, set[int | None]()
    pc = machine.state.pc
    raised = [(k, v.function, v.args) for _, k, v in translations(about) if isinstance(v, Exit)]
    taken = [
        (known, *outcome.end) for _, found in about.steps for known, outcome in found if trap(outcome.end, machine)
    ]
    for known, function, args in (*raised, *taken):
        if function in machine.code.exits:
            at = known.get(("general", pc))
            distances.add(None if at is None else (args[-1] - at) % (1 << machine.state.scalars[pc].width))
    return distances.pop() if len(distances) == 1 else None


def entry_is_in_control(about: Asked, relation: Relation) -> bool:
    return not any(set(uncontrolled(about.deliveries, relation, p)) - {"stores"} for p in entering(about)) and apart(
        about, relation, stores=False
    )


def entry_stores_apart(about: Asked, relation: Relation) -> bool:
    return not any("stores" in uncontrolled(about.deliveries, relation, p) for p in entering(about)) and apart(
        about, relation, stores=True
    )


def apart(about: Asked, relation: Relation, *, stores: bool) -> bool:
    """With a base and a limit: some choice of the monitor's keeps guests from what trap entries store, or else from where they lead."""
    scheme = about.machine.code.scheme
    if not isinstance(scheme, Bounds):
        return True
    chosen: dict[tuple[object, ...], list[State]] = {}
    for state in relation.reached():
        chosen.setdefault(tuple(state[n] for n in relation.own), []).append(state)
    return any(_apart(about, states, stores) for states in chosen.values())


def _apart(about: Asked, states: list[State], stores: bool) -> bool:
    machine, reached, used = about.machine, set[int](), set[int]()
    for state in states:
        reached |= {p for a in _places(machine) if (p := _led(machine, state, a)) is not None}
        for payload in entering(about):
            for known, outcome, after in about.deliveries.after(payload, state):
                if stores:
                    used |= outcome.cells.keys()
                    continue
                first = after[machine.state.pc]
                assert isinstance(first, int)
                place = _led(machine, after, first)
                if place is None:
                    return False
                used |= {place, *(k[1] for k in known if k[0] == "cell" and isinstance(k[1], int))}
    return bool(reached) and not reached & used


def _places(machine: Machine) -> range:
    return range(1 << machine.state.scalars[machine.state.pc].width)


def _led(machine: Machine, state: State, address: int) -> int | None:
    translation = machine.code.translation
    assert translation is not None
    given = cycle.call(machine, translation.function, (address, 2, _mode(machine, state)), dict(state))
    return None if isinstance(given, Exit) else given[0]


def _mode(machine: Machine, state: State) -> int:
    mode = state[machine.modes.leaf]
    assert isinstance(mode, int)
    return mode


def guest_can_be_entered(about: Asked, relation: Relation) -> bool:
    """Whether a return leads from the monitor to every state that a guest runs in, and what none loads can be set before."""
    machine, space = about.machine, about.space
    scheme = machine.code.scheme
    extra = (scheme.base, scheme.limit) if isinstance(scheme, Bounds) else ()
    lent = (*relation.mirrored, *relation.constants)
    shown = (machine.modes.leaf, *relation.shared, *relation.constants, *extra)
    wanted = {tuple(s[n] for n in shown) for s in relation.reached()}
    real = {tuple(s.values()) for s in space.real}
    saved = frozenset(n for n, leaf in machine.state.scalars.items() if leaf.role == "saved")
    moves = list(_moves(about, saved))
    set_by = _set_by(about, moves, {*lent, *saved})
    written = {n for _, moved, _ in moves for n, _ in moved}
    led: set[tuple[object, ...]] = set()
    loaded: set[str] = set()
    for before, moved, needs in moves:
        for state in space.members(before & _monitors(about)):
            after = {**state, **dict(moved)}
            ready = all(state[n] in set_by[n] for n in needs & written)
            if ready and after[machine.modes.leaf] != state[machine.modes.leaf] and tuple(after.values()) in real:
                led.add(tuple(after[n] for n in shown))
                loaded |= dict(moved).keys()
    if not wanted <= led:
        return False
    for name in lent:
        values = {s[name] for s in relation.reached()}
        stays = values == {machine.state.leaves[name].reset}
        if name not in loaded and not stays and not values <= set_by[name]:
            return False
    return True


Move = tuple[int, tuple[tuple[str, int], ...], frozenset[str]]
"""From which states a step leads on, what it sets, and from which registers that save it loads."""


def _moves(about: Asked, saved: frozenset[str]) -> Iterator[Move]:
    seen = set[Move]()
    for _, found in about.steps:
        for known, outcome in found:
            if outcome.completes:
                needs = frozenset(str(k[1]) for k in known if k[0] == "first" and k[1] in saved)
                move = about.space.agreeing(known.items(), "first"), tuple(outcome.leaves.items()), needs
                if move not in seen:
                    seen.add(move)
                    yield move


def _monitors(about: Asked) -> int:
    return about.space.set_of(about.space.of(about.space.legal, about.space.deployment.monitor))


def _set_by(about: Asked, moves: Sequence[Move], names: set[str]) -> Mapping[str, set[object]]:
    """The values that steps of the monitor's own set leaves to."""
    space, monitor, found = about.space, _monitors(about), {n: set[object]() for n in names}
    for before, moved, _ in moves:
        set_ = {n: v for n, v in moved if n in names}
        for state in space.members(before & monitor) if set_ else ():
            if space.set_of([{**state, **dict(moved)}]) & monitor:
                for name, value in set_.items():
                    found[name].add(value)
    return found


def interrupts_are_the_monitors(about: Asked, relation: Relation) -> bool:
    """Whether devices set what is the monitor's, and an interrupt ends there and changes nothing where none is pending."""
    machine, space = about.machine, about.space
    interrupt = machine.code.interrupt
    lines = [d.line for d in machine.platform.devices if d.line in machine.state.scalars]
    if any(line not in relation.own or line in relation.constants for line in lines):
        return False
    if interrupt is None:
        return True
    real = {tuple(s.values()) for s in space.real}
    for state in relation.reached():
        for line in lines:
            if any(tuple({**state, line: v}.values()) not in real for v in (0, 1)):
                return False
        for question in filter(None, (interrupt.pending, interrupt.waiting)):
            after = dict(state)
            answer = cycle.call(machine, question, (), after)
            moved = {n for n in after if after[n] != state[n]}
            if (
                isinstance(answer, Exit)
                or answer == (0,)
                and moved & {*relation.shared, *relation.constants, machine.modes.leaf}
            ):
                return False
        if space.deployment.real_mode is not None and not ends_in_monitor(about, state):
            return False
    return True


def ends_in_monitor(about: Asked, state: State) -> bool:
    (payload,) = about.deliveries.interrupts
    space = about.space
    return all(
        outcome.completes and space.true(space.deployment.monitor, after)
        for _, outcome, after in about.deliveries.after(payload, state)
    )


def monitor_is_preemptive(about: Asked, relation: Relation) -> bool:
    """Whether with some choice of the monitor's leaves its timer is taken in every state of a guest; so where there is no timer."""
    machine = about.machine
    interrupt = machine.code.interrupt
    lines = [d.line for d in machine.platform.devices if d.model in TIMERS and d.line in machine.state.scalars]
    if interrupt is None or not lines:
        return True
    line = lines[0]
    own = [n for n in relation.own if n not in (line, machine.modes.leaf)]
    choices: dict[tuple[object, ...], list[State]] = {}
    for state in relation.reached():
        choices.setdefault(tuple(state[n] for n in own), []).append(state)
    guests = {relation.key(s) for s in relation.reached()}
    return any(_preempted(about, relation, states, line, guests) for states in choices.values())


def _preempted(
    about: Asked, relation: Relation, states: list[State], line: str, guests: set[tuple[object, ...]]
) -> bool:
    machine = about.machine
    interrupt = machine.code.interrupt
    assert interrupt is not None
    if {relation.key(s) for s in states} != guests:
        return False
    quiet = [s for s in states if s[line] == 0 and about.deliveries.asked_for(s) is None]
    up = [s for s in states if s[line] == 1]
    waits = [s for s in states if interrupt.waiting and cycle.call(machine, interrupt.waiting, (), dict(s)) == (1,)]
    taken = all(about.deliveries.asked_for(s) is not None and ends_in_monitor(about, s) for s in up)
    return bool(quiet) and not waits and taken


PREMISES: Mapping[str, Callable[[Asked, Relation], bool]] = {
    premise.__name__: premise
    for premise in (
        entry_is_recoverable,
        entry_is_in_control,
        entry_stores_apart,
        guest_can_be_entered,
        interrupts_are_the_monitors,
        monitor_is_preemptive,
        partial_instructions_resume,
    )
}
