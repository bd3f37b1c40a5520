"""Laws about cuts, fetches and what translation reads, by enumeration: the functions' own bodies are run, from every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.models.reference import cycle
from pgcheck.models.state import Exit
from tests.oracle.calls import Called, called, translation
from tests.oracle.classical import SecondCuts, ends
from tests.oracle.holes import VirtualCuts
from tests.oracle.laws import Asked
from tests.oracle.runs import Key, Script, explore
from tests.oracle.steps import Copy, Outcome, lawful

OPEN = ("choice", "volatile")


def cuts(machine: Machine) -> Iterator[Called]:
    """Every run of translation, of probes and of lookups in tables."""
    translation = machine.code.translation
    assert translation is not None
    for name in (translation.function, *translation.probes, *machine.code.tables):
        yield from called(machine, name)


def cuts_change_no_general_state(about: Asked) -> bool:
    control = {leaf.name for leaf in about.machine.state.control}
    return all(c.changed() <= control for c in cuts(about.machine))


def cuts_change_no_control_state(about: Asked) -> bool:
    control = {leaf.name for leaf in about.machine.state.control}
    return not any(c.changed() & control for c in cuts(about.machine) if c.answers)


def deciding(machine: Machine, shown: str) -> set[Key]:
    """What a translation asks for that decides the address (`shown`), whether there is one ("refused"), or where it loads ("loads")."""
    found: set[Key] = set()
    by_args: dict[tuple[int, ...], list[Called]] = {}
    for one in translation(machine):
        by_args.setdefault(one.args, []).append(one)
    for same in by_args.values():
        for one, other in product(same, same):
            if _shows(one, shown) != _shows(other, shown) and None not in (_shows(one, shown), _shows(other, shown)):
                apart = [k for k, a in one.known.items() if other.known.get(k, a) != a]
                found |= set(apart) if len(apart) == 1 else set()
    return found


def _shows(one: Called, shown: str) -> object:
    """What a run shows of that; None where nothing."""
    loads, address = one.outcome.touched[:1] or None, one.given if one.answers else None
    return {"address": address, "refused": one.answers, "loads": loads}[shown]


def translation_is_the_monitors(about: Asked) -> bool:
    """Whether what leads translation is control state of the monitor's own, and neither a choice nor a device decides it."""
    machine = about.machine
    decides = deciding(machine, "address") | deciding(machine, "refused")
    read = {str(k[1]) for k in decides if k[0] in ("general", "first")}
    if any(k[0] in OPEN for k in decides) or read & {*machine.platform.lines}:
        return False
    leads = leading(machine)
    mirrored = {n for d in machine.deployments for n in d.mirror}
    return not leads & mirrored and all(machine.state.leaves[n].control for n in leads)


def leading(machine: Machine) -> set[str]:
    """Base, limit and what else moves addresses; what decides where the tables lie."""
    scheme, control = machine.code.scheme, {leaf.name for leaf in machine.state.control}
    if isinstance(scheme, Bounds):
        moves = {str(k[1]) for k in deciding(machine, "address") if k[0] == "first"}
        return {scheme.base, scheme.limit, *scheme.given} | moves & control
    if isinstance(scheme, Entries):
        return {
            str(k[1]) for k in deciding(machine, "loads") if k[0] in ("general", "first")
        } | scheme.given.keys() & control
    return set()


def steps_keep_what_translation_reads(about: Asked) -> bool:
    """Whether no step changes a general leaf that moves addresses, or changes one that refuses some and then translates."""
    machine = about.machine
    moving, refusing = (
        {str(k[1]) for k in deciding(machine, how) if k[0] == "general"} for how in ("address", "refused")
    )
    if not moving | refusing:
        return True
    for _, found in about.steps:
        for known, outcome in found:
            changed = {n for n, v in outcome.leaves.items() if known.get(("general", n)) != v}
            if changed & moving or (outcome.end[0] == TRANSLATE and changed & refusing):
                return False
    return True


def fetches_depend_on_translation_alone(about: Asked) -> bool:
    """Whether two machines alike in general state fetch alike, where translation in the current mode led, and change nothing."""
    machine = about.machine
    found = machine.code.translation
    assert found is not None
    for known, value in ends(explore(lambda script: _fetched(machine, script))):
        if value is None:
            continue
        assert isinstance(value, tuple)
        one, other = value
        asked = {(k[1], a) for k, a in known.items() if k[0] == "translated" and a is not None}
        current = known.get(("first", machine.modes.leaf))
        if one != other or one[1].leaves or one[1].cells or any(args[found.mode] != current for args, _ in asked):  # type: ignore[index]
            return False
        if not {(a, False) for _, a in asked}.issuperset(one[1].touched):
            return False
    return True


def _fetched(machine: Machine, script: Script) -> tuple[object, object] | None:
    """What two copies fetch that agree on general state; None where translation fails."""
    first = Copy(machine, script, "first", "choice", VirtualCuts(machine, script))
    one = _fetch(machine, first)
    if isinstance(one[0], Exit) and one[0].function == TRANSLATE:
        return None
    leaf = (
        machine.modes.leaf
    )  # of two states in one mode that fetch otherwise, one fetches otherwise than any in another mode
    modes, here = lawful(machine)[leaf], first.leaf(leaf)
    script.ask(("second", leaf), [v for v in modes if v != here] or modes)
    second = Copy(machine, script, "second", "other choice", None, {}, "other volatile")
    second.cuts = SecondCuts(machine, script, second, first)
    return one, _fetch(machine, second)


def _fetch(machine: Machine, copy: Copy) -> tuple[tuple[int, ...] | Exit, Outcome]:
    place = copy.leaf(machine.state.pc)
    given = cycle.call(machine, machine.code.fetch, (place,), copy.state, copy.surroundings())
    return given, copy.ended(None)


LAWS: Mapping[str, Callable[[Asked], bool]] = {
    law.__name__: law
    for law in (
        cuts_change_no_general_state,
        cuts_change_no_control_state,
        translation_is_the_monitors,
        steps_keep_what_translation_reads,
        fetches_depend_on_translation_alone,
    )
}
