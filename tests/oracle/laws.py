"""Laws of a specification by enumeration, for one deployment: what must be so before anything else means something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import mask
from pgcheck.models.state import Exit, reset
from tests.oracle.calls import translation
from tests.oracle.classical import Trees, outcomes
from tests.oracle.entering import Entries as Deliveries
from tests.oracle.holes import VirtualCuts
from tests.oracle.runs import Answer, Key, Script
from tests.oracle.space import Fixed, Relation, Space
from tests.oracle.steps import Copy, Outcome, Payload, Word, step, trap

WRITE = 1
Ends = Sequence[tuple[Mapping[Key, Answer], Outcome]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What laws and premises are asked about: the states of a deployment, the words with their single steps, the trap entries."""

    space: Space
    steps: Sequence[tuple[Word, Ends]]
    deliveries: Deliveries
    served: Deliveries
    continued: frozenset[Payload]
    legal: int
    guests: int
    guest: int

    @property
    def machine(self) -> Machine:
        return self.space.machine


def asked(space: Space, words: Sequence[Word], deliveries: Deliveries, served: Deliveries, trees: Trees) -> Asked:
    """The single steps of words."""
    steps = [(w, outcomes(trees.single(w, frozenset()))) for w in words]
    outside = deliveries.continued(space)
    return Asked(
        space, steps, deliveries, served, outside, space.set_of(space.legal), space.set_of(space.guests), _true(space)
    )


def _true(space: Space) -> int:
    """The set of states in which `guest` holds, legal or not."""
    return space.set_of(space.of(space.states, space.deployment.guest))


def _kept(about: Asked, states: int, right: int) -> bool:
    """Whether every completed step from a set of states ends in a set of states."""
    moves = {
        (about.space.agreeing(known.items(), "first") & states, tuple(outcome.leaves.items()))
        for _, found in about.steps
        for known, outcome in found
        if outcome.completes
    }
    return right & states == right == about.space.set_of(about.space.states) or all(
        about.space.agreeing([(("general", n), v) for n, v in {**state, **dict(moved)}.items()], "") & right
        for before, moved in moves
        for state in about.space.members(before)
    )


def _delivered(about: Asked, states: int, right: int) -> bool:
    """Whether every delivery from a set of states ends in a set of states."""
    deliveries = about.served
    if right == about.space.set_of(about.space.states):
        return True
    for payload in deliveries.ends:
        for state in about.space.members(states):
            for _, outcome, after in deliveries.after(payload, state):
                if outcome.completes and not right & about.space.set_of([after]):
                    return False
    return True


def hypotheses_are_satisfiable(about: Asked) -> bool:
    """Whether there are legal states of both modes and of the real machine, and a real one for each of the guest's."""
    space, relation = about.space, Relation(about.space, Fixed())
    modes, leaf = space.deployment.modes, space.machine.modes.leaf
    both = all(any(s[leaf] in c.values for s in space.legal) for c in (modes.supervisor, modes.user))
    return both and bool(space.guests) and all(relation.related(s) for s in space.guests)


def legal_after_reset(about: Asked) -> bool:
    return about.space.lawful({n: v for n, v in reset(about.machine).items() if isinstance(v, int)})


def legal_is_inductive(about: Asked) -> bool:
    return _kept(about, about.legal, about.legal)


def deliveries_keep_legal(about: Asked) -> bool:
    return _delivered(about, about.legal, about.legal)


def guest_is_inductive(about: Asked) -> bool:
    return _kept(about, about.guests, about.guest)


def deliveries_keep_guest(about: Asked) -> bool:
    return _delivered(about, about.guests, about.guest)


def mode_classes_partition(about: Asked) -> bool:
    space = about.space
    supervisor, user = space.set_of(space.supervisor), space.set_of(space.user)
    users = {space.deployment.real_mode, *space.deployment.modes.user.values} - {None}
    monitor = space.of(space.legal, space.deployment.monitor)
    return (
        not supervisor & user
        and supervisor | user == about.guests
        and not any(s[space.machine.modes.leaf] in users for s in monitor)
    )


def traps_are_precise(about: Asked) -> bool:
    """Whether a trap finds the state as it was, where the instruction does not say otherwise."""
    for word, tree in about.steps:
        for known, outcome in tree if not word.instruction.partial else ():
            if trap(outcome.end, about.machine) and changes(about, known, outcome):
                return False
    return True


def changes(about: Asked, known: Mapping[Key, Answer], outcome: Outcome) -> bool:
    """Whether a step has changed anything, from some legal state."""
    if any(known.get(("cell", at)) != value for at, value in outcome.cells.items()):
        return True
    states = about.legal & about.space.agreeing(known.items(), "first")
    return any(states & ~about.space.holding[item] for item in outcome.leaves.items())


@dataclass(slots=True)
class Turned(VirtualCuts):
    """Translations that give every address with all its bits turned."""

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        fault, address = VirtualCuts.translate(self, args)  # type: ignore[misc]
        return fault, address ^ mask(self.machine.state.address_width)


def accesses_are_translated(about: Asked) -> bool:
    """Whether every access of a step is where a translation for such an access led."""
    translation = about.machine.code.translation
    assert translation is not None
    for _, found in about.steps:
        for known, outcome in found:
            led = {(at, k[1][translation.access] == WRITE) for k, at in known.items() if k[0] == "translated"}  # type: ignore[index]
            if not led.issuperset(outcome.touched):
                return False
    return True


def addresses_are_no_values(about: Asked) -> bool:
    """Whether a step ends the same wherever its accesses were led."""
    machine, top = about.machine, mask(about.machine.state.address_width)
    for word, tree in about.steps:
        for known, outcome in tree:
            if not any(k[0] == "translated" and a is not None for k, a in known.items()):
                continue
            script = Script([])
            script.known = {
                (k[0], k[1] ^ top) if k[0] == "cell" and isinstance(k[1], int) else k: a for k, a in known.items()
            }
            turned = step(Copy(machine, script, "first", "choice", Turned(machine, script)), word)
            cells = {at ^ top: v for at, v in turned.cells.items()}
            if turned.end != outcome.end or turned.leaves != outcome.leaves or cells != outcome.cells:
                return False
    return True


Translation = tuple[tuple[int, ...], Mapping[Key, Answer], "int | Exit"]
"""Arguments, what the body asked for, and the address or the exit."""


def translations(about: Asked) -> Sequence[Translation]:
    """Every translation by its own body in the modes that a guest runs in."""
    space = about.space
    asked = translations, frozenset(space.modes)
    found = about.machine.kept.get(asked)
    if found is None:
        found = about.machine.kept[asked] = tuple(_translations(about))
    return found


def _translations(about: Asked) -> Iterator[Translation]:
    for one in translation(about.machine):
        if one.args[-1] in about.space.modes and about.legal & about.space.agreeing(one.known.items(), "first"):
            yield one.args, one.known, one.given if isinstance(one.given, Exit) else one.given[0]


def realisable(about: Asked) -> bool:
    """Whether the mapping scheme does what its names say, in every state and for every address."""
    scheme = about.machine.code.scheme
    if isinstance(scheme, Entries):
        return _entries(about, scheme)
    return _bounds(about, scheme) if isinstance(scheme, Bounds) else True


def _entries(about: Asked, scheme: Entries) -> bool:
    for args, known, given in translations(about):
        read = [a for k, a in known.items() if k[0] == "cell" and a is not None]
        for entry in read or range(1 << about.machine.state.memory_unit):
            if not _as_it_says(scheme, entry, args, given):
                return False
    return True


def _as_it_says(scheme: Entries, entry: int, args: tuple[int, ...], given: int | Exit) -> bool:
    """Whether an entry refuses, maps, or maps for reading only, where its fields say so."""
    held = {n: entry >> low & mask(high - low + 1) for n, (high, low) in scheme.entry.ranges.items()}

    def has(fields: Mapping[str, int]) -> bool:
        return all(held[n] == v for n, v in fields.items())

    refused, right = isinstance(given, Exit), held[scheme.frame] << scheme.shift | args[0] & mask(scheme.shift)
    if has(scheme.deny) and not refused or has(scheme.map) and given != right:
        return False
    if scheme.readonly and has(scheme.readonly):
        return refused == (args[1] == WRITE) and (refused or given == right)
    return True


Led = Mapping[tuple[int, int], Mapping[tuple[int, ...], "int | None"]]
"""Where each base and limit lead each access to an address."""


def _bounds(about: Asked, scheme: Bounds) -> bool:
    every = list(_tables(about, scheme))
    answers = [p for led in every for found in led.values() for p in found.values()]
    whole = mask(about.machine.state.address_width)
    return None in answers and any(p is not None for p in answers) and all(_bounded(led, whole) for led in every)


def _tables(about: Asked, scheme: Bounds) -> Iterator[Led]:
    """Where addresses lead, for everything else that translation depends on."""
    leaves, registers = about.machine.state.scalars, (scheme.base, scheme.limit)
    found = translations(about)
    others: dict[Key, set[Answer]] = {}
    for _, known, _ in found:
        for key, answer in known.items():
            if key[1] not in registers:
                others.setdefault(key, set()).add(answer)
    for chosen in product(*others.values()):
        context, led = (
            dict(zip(others, chosen, strict=True)),
            dict[tuple[int, int], dict[tuple[int, ...], int | None]](),
        )
        for args, known, given in found:
            if all(context.get(k, a) == a for k, a in known.items()):
                held = {str(k[1]): a for k, a in known.items()}
                every = [range(1 << leaves[n].width) if held.get(n) is None else (held[n],) for n in registers]
                for base, limit in product(*every):
                    assert base is not None and limit is not None
                    led.setdefault((base, limit), {})[args] = None if isinstance(given, Exit) else given
        yield led


def _bounded(led: Led, whole: int) -> bool:
    for (base, limit), found in led.items():
        if any(a[0] > limit for a, p in found.items() if p is not None):
            return False
        for (other, further), elsewhere in led.items():
            both = [(found[a], elsewhere[a]) for a in found if found[a] is not None and elsewhere[a] is not None]
            if other != base and limit == further:
                moved = {(p - q) & whole for p, q in both if p is not None and q is not None}
                if len(moved) > 1 or 0 in moved:
                    return False
            if other == base and limit <= further or base != 0 and other == 0 and limit == further:
                if any(found[a] is not None and elsewhere[a] is None for a in found):
                    return False
    return True


def translation_faults_enter(about: Asked) -> bool:
    """Whether every fault of translation enters the monitor."""
    for _, _, given in translations(about):
        if isinstance(given, Exit) and (given.function, given.args) in about.continued:
            return False
    return True


LAWS: Mapping[str, Callable[[Asked], bool]] = {
    law.__name__: law
    for law in (
        hypotheses_are_satisfiable,
        legal_after_reset,
        legal_is_inductive,
        deliveries_keep_legal,
        guest_is_inductive,
        deliveries_keep_guest,
        mode_classes_partition,
        traps_are_precise,
        accesses_are_translated,
        addresses_are_no_values,
        realisable,
        translation_faults_enter,
    )
}
