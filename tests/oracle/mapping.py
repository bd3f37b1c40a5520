"""What a monitor can map for a guest, by enumeration: every address that the guest's own translation gives, against the widest real one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.schemes import Bounds, Entries, External
from pgcheck.models.reference import cycle
from pgcheck.models.state import Exit, State
from tests.oracle.calls import Called, translation
from tests.oracle.classical import ends
from tests.oracle.laws import Asked
from tests.oracle.runs import Script, explore
from tests.oracle.space import Relation
from tests.oracle.steps import Copy

Led = "int | None"
Asking = tuple[int, ...]
"""The arguments of a translation but for the mode."""


def monitor_can_map(about: Asked, relation: Relation) -> tuple[str, frozenset[int]]:
    """`fails` where two addresses cannot be kept apart as the guest's translation does; else `warning` or `ok`, and the addresses refused."""
    scheme = about.machine.code.scheme
    if isinstance(scheme, Entries):
        return "fails" if any(_confused(about, bit) for bit in _ignored(about, scheme)) else "ok", frozenset()
    refused = set[int]()
    for ours, theirs in _pairs(about, relation):
        if isinstance(scheme, External) and _folded(ours, theirs):
            return "fails", frozenset()
        refused |= {args[0] for args, at in ours.items() if at is not None and theirs[args] is None}
    return ("warning" if refused else "ok"), frozenset(refused)


def _pairs(
    about: Asked, relation: Relation
) -> Iterator[tuple[Mapping[Asking, int | None], Mapping[Asking, int | None]]]:
    """What translation gives a guest, and the processor where the monitor admits most: each pair once."""
    machine, seen, mode = about.machine, set[tuple[object, ...]](), about.machine.modes.leaf
    most, table = _most(about), _table(machine)
    for guest in about.space.guests:
        for real in relation.related(guest):
            if all(real[n] == v for n, v in most.items()):
                pair = table(guest, int(str(guest[mode]))), table(real, int(str(real[mode])))
                if (key := tuple(tuple(sorted(one.items())) for one in pair)) not in seen:
                    seen.add(key)
                    yield pair


def _table(machine: Machine):  # type: ignore[no-untyped-def]
    """What translation gives in a state and a mode, for all other arguments."""
    found = machine.code.translation
    assert found is not None
    every = translation(machine)
    reads = sorted({str(k[1]) for one in every for k in one.known})
    known: dict[tuple[object, ...], Mapping[Asking, int | None]] = {}

    def given(state: State, mode: int) -> Mapping[Asking, int | None]:
        key = (mode, *(state[n] for n in reads))
        if key not in known:
            same = [
                c
                for c in every
                if c.args[found.mode] == mode and all(state[str(k[1])] == a for k, a in c.known.items())
            ]
            known[key] = {_asking(found, c): _led(c.given) for c in same}
        return known[key]

    return given


def _asking(found: Translation, one: Called) -> Asking:
    return (*one.args[: found.mode], *one.args[found.mode + 1 :])


def _led(given: tuple[int, ...] | Exit) -> int | None:
    return None if isinstance(given, Exit) else given[0]


def _most(about: Asked) -> Mapping[str, int]:
    """No base and the largest limit of a legal state that `real` allows; nothing for a unit outside the processor."""
    scheme = about.machine.code.scheme
    if not isinstance(scheme, Bounds):
        return {}
    given = {**scheme.given, scheme.base: 0}
    allowed = [s for s in about.space.legal if tuple(s.values()) in about.space.allowed]
    limits = [int(str(s[scheme.limit])) for s in allowed if all(s[n] == v for n, v in given.items())]
    return {**given, scheme.limit: max(limits, default=0)}


def _folded(ours: Mapping[Asking, int | None], theirs: Mapping[Asking, int | None]) -> bool:
    """Whether the processor maps two addresses alike that the guest's translation takes apart."""
    return any(
        ours[a] is not None and theirs[a] is not None and theirs[a] == theirs[b] and ours[a] != ours[b]
        for a in ours
        for b in ours
        if a[1:] == b[1:]
    )


def _ignored(about: Asked, scheme: Entries) -> Sequence[int]:
    """The bits of a page's number that decide nowhere which entry is loaded."""
    every = [c for c in translation(about.machine) if c.args[-1] in about.space.modes]
    loads = {(c.args, tuple(sorted((str(k), a) for k, a in c.known.items() if k[0] != "cell"))): c for c in every}
    width = about.machine.code.functions[_function(about.machine)].parameters[0][1]

    def turned(args: tuple[int, ...], bit: int) -> tuple[int, ...]:
        return (args[0] ^ 1 << bit, *args[1:])

    return [
        bit
        for bit in range(scheme.shift, width)
        if all(
            loads[turned(args, bit), state].outcome.touched[:1] == one.outcome.touched[:1]
            for (args, state), one in loads.items()
        )
    ]


def _function(machine: Machine) -> str:
    found = machine.code.translation
    assert found is not None
    return found.function


def _confused(about: Asked, bit: int) -> bool:
    """Whether the guest's translation gives an address, and for one that differs in a bit something else."""
    machine, name, leaf = about.machine, _function(about.machine), about.machine.modes.leaf
    widths = dict(machine.code.functions[name].parameters)
    for mode in sorted({int(str(s[leaf])) for s in about.space.guests}):
        for address in range(1 << next(iter(widths.values()))):

            def run(script: Script, mode: int = mode, address: int = address) -> bool:
                copy = Copy(machine, script, "first", "choice", None)
                one, other = (
                    _led(cycle.call(machine, name, (a, 0, mode), copy.state, copy.surroundings()))
                    for a in (address, address ^ 1 << bit)
                )
                return one is not None and one != other

            if any(
                apart and about.guests & about.space.agreeing(known.items(), "first")
                for known, apart in ends(explore(run))
            ):
                return True
    return False
