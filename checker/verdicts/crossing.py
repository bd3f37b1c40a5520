"""How a monitor leaves and enters guests, as values: the recovery maps and the entry maps of the premises, in one state of the monitor's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from pgcheck.checker.premises.guest_can_be_entered import Entry, entries
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import Configuration
from pgcheck.checker.verdicts.own_memory import NoPlace, OwnMemory, kept, outside, own_memory
from pgcheck.checker.world.arrival import Arrival, arrivals, guest_modes
from pgcheck.checker.world.entrymap import EntryMap
from pgcheck.checker.world.goal import Goal, Way, ways
from pgcheck.checker.world.leading import Unreachable, leading
from pgcheck.checker.world.recovery import Kept, recovered, saved
from pgcheck.checker.world.resumption import Lost, lost_at_trap
from pgcheck.checker.world.sites import Traps
from pgcheck.checker.world.slices import bits
from pgcheck.checker.world.telling import shows
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Machine, Row
from pgcheck.isa.machine.schemes import External
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    lor,
    mk,
    parameter,
    renamed,
    rewrite,
    select,
    walk,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.isa.terms.names import PARAMETER, REAL, STATE
from pgcheck.models.symbolic import Execution, exit_kinds, initial
from pgcheck.vmm.policy import Copy, Crossing, Recovery, Return

MOST_FRAMES: Final = 8


class NoCrossing(Exception):
    """It is not found how guests are left and entered; the message says why."""


@dataclass(frozen=True)
class Ways:
    """The ways into guests and out of them, under a deployment and a configuration: the instructions that lead there, and the deliveries."""

    setting: Setting
    configuration: Configuration
    evidence: Evidence
    returns: tuple[tuple[Entry, tuple[Way, ...]], ...]
    arrivals: tuple[Arrival, ...]

    @property
    def machine(self) -> Machine:
        return self.setting.machine

    def outside(self, frames: int) -> Term:
        """Some delivery uses memory beyond the first `frames` frames of RAM, or goes on there: over leaves and payloads."""
        return disjunction(outside(arrival, frames) for arrival in self.arrivals)


def known_ways(setting: Setting, configuration: Configuration, evidence: Evidence) -> Ways:
    """Those that there are. Raises NoCrossing where a state of a guest cannot be reached, and Undecided."""
    machine, mode = setting.machine, setting.machine.modes.leaf
    found = ways(machine, {mode})[mode]
    returns: list[tuple[Entry, tuple[Way, ...]]] = []
    for entry in entries(setting, configuration):
        try:
            used = {m.instruction for m in leading(entry.entered_as_it_pleases, found, evidence)}
        except Unreachable as unreachable:
            raise NoCrossing(f"the monitor is led by no instruction to {unreachable}") from unreachable
        returns.append((entry, tuple(way for way in found if way.instruction.id in used)))
    made = (a for a in arrivals(setting, configuration) if evidence.possible(a.given, f"{a.label}:arrives"))
    return Ways(setting, configuration, evidence, tuple(returns), tuple(made))


def crossing(known: Ways, real: Mapping[str, int], frames: int) -> Crossing:
    """The crossing where the monitor's own leaves are `real` while guests run. Raises NoCrossing, Undecided."""
    try:
        memory = own_memory(known.arrivals, real, frames, known.evidence)
    except NoPlace as no:
        raise NoCrossing(str(no)) from no
    return Crossing(
        recoveries={a.name: _recovery(known, a, real) for a in known.arrivals},
        returns=_returns(known, real, frames, memory),
        keep=memory.keep,
        modes=guest_modes(known.setting),
        refused=_refused(known.machine),
        handed=_handed(known),
        pages=memory.pages,
        laid=memory.laid,
    )


# ---- out of a guest


def _recovery(known: Ways, arrival: Arrival, real: Mapping[str, int]) -> Recovery:
    machine, pc = known.machine, known.machine.state.pc
    copies: list[Copy] = []
    located = TRUE
    for one in recovered(arrival, known.evidence):
        if isinstance(one, Kept):
            copies.append(_copy(arrival, one, real))
        elif one.target.name == pc and arrival.name in machine.code.exits:
            located, where = _handed_over(known, arrival)
            copies.append(Copy(pc, None, where))
        else:
            raise NoCrossing(f"{arrival.name} loses {one.target.name}")
    return Recovery(tuple(copies), located)


def _handed_over(known: Ways, arrival: Arrival) -> tuple[Term, Term]:
    """(whether what a trap hands over says where it was taken, where)."""
    evidence = known.evidence
    shown = cache(lambda k: shows(arrival, k, evidence))
    traps = Traps(known.setting, known.configuration, arrival.name, saved(arrival, evidence), shown)
    return traps.whereabouts(evidence)


def _copy(arrival: Arrival, kept: Kept, real: Mapping[str, int]) -> Copy:
    """A value as it is read afterwards: the slices, and what is always the same."""
    target = kept.back.target.term
    parts = {s.low: s.reading for s in kept.back.slices}
    parts |= {low: constant(high - low + 1, value) for high, low, value in kept.fixed}
    whole: Term | None = None
    for low in sorted(parts):
        part = parts[low]
        if part is None:
            raise Undecided(arrival.label, f"{kept} says not how it is read")
        whole = part if whole is None else mk("concat", whole.width + part.width, part, whole)
    assert whole is not None
    value = _known(arrival, whole, real)
    if bits(target) is not target:
        value = eq(value, constant(1, 1))
    if target.op == "select":
        return Copy(str(target.args[0].leaf), target.args[1].value, value)
    return Copy(str(target.leaf), None, value)


def _known(arrival: Arrival, value: Term, real: Mapping[str, int]) -> Term:
    """A value with addresses and conditions that are known before: of the monitor's own leaves, and of what is handed over. Raises Undecided."""
    leaves = arrival.machine.state.leaves

    def before(term: Term) -> Term:
        def own(part: Term, _: tuple[Term, ...]) -> Term | None:
            name = part.leaf
            theirs = name is None or name in arrival.guests or name not in real or isinstance(leaves[name], ArrayLeaf)
            return None if theirs or name is None else leaves[name].holding(real[name])

        found = rewrite([term], own)[0]
        free = [n for t in walk([found]) if (n := t.free if t.op != "uf" else t.name) is not None]
        if any(n.space != PARAMETER for n in free):
            raise Undecided(arrival.label, "where it stores is not known before")
        return found

    def read(part: Term, args: tuple[Term, ...]) -> Term | None:
        if part.op == "select" and part.args[0].leaf is not None:
            return select(args[0], before(part.args[1]))
        if part.op == "ite":
            return mk("ite", part.width, before(part.args[0]), *args[1:])
        return None

    return rewrite([value], read)[0]


def _refused(machine: Machine) -> tuple[str, tuple[Term, ...]] | None:
    """What translation raises, over its arguments, where a unit outside the processor decides."""
    translation = machine.code.translation
    if translation is None or not isinstance(machine.code.scheme, External):
        return None
    run = Execution(machine, initial(machine), {}, cuts=False)
    run.call(
        translation.function, tuple(parameter(w, n) for n, w in machine.code.functions[translation.function].parameters)
    )
    raised = [e for e in run.exits if e.function not in BUILTIN_EXITS]
    return (raised[-1].function, raised[-1].args) if raised else None


def _handed(known: Ways) -> Mapping[str, Mapping[str, Term]]:
    """The traps of instructions with `restart: partial` that are the guest's as they stand."""
    machine = known.machine
    found: dict[str, dict[str, Term]] = {}
    for instruction in (i for i in machine.instructions if i.partial):
        one = lost_at_trap(
            known.setting, subject(known.setting, instruction, Row("")), known.configuration, known.evidence
        )
        if isinstance(one, Lost):
            raise NoCrossing(f"{instruction.id} cannot be gone on with after {one.terminator}: {one.wrong}")
        for function, kind in one:
            if function in machine.code.exits:
                args = tuple(parameter(w, n) for n, w in machine.code.functions[function].parameters)
                said = found.setdefault(instruction.id, {})
                said[function] = lor(said.get(function, FALSE), exit_kinds(machine, function, args)[kind])
    return found


# ---- into a guest


def _returns(known: Ways, real: Mapping[str, int], frames: int, memory: OwnMemory) -> tuple[Return, ...]:
    """Returns that lead to every state of a guest, with as many of the monitor's own leaves as in `real` as can be."""
    made: list[Return] = []
    for entry, used in known.returns:
        own, maps = _led_from(entry, used, memory, real, known.evidence)
        made += [_return(known, entry, m, own, frames) for m in maps]
    for address in (a for one in made for a, _ in one.words):
        if address.is_constant and address.value in memory.laid:
            raise NoCrossing(f"a return loads from {address.value:#x}, where the monitor has an entry of its tables")
    return tuple(one for k, one in enumerate(made) if one not in made[:k])


def _led_from(
    entry: Entry, found: Sequence[Way], memory: OwnMemory, real: Mapping[str, int], evidence: Evidence
) -> tuple[Mapping[str, Term], list[EntryMap]]:
    """The same as `_led`, from where an entry has led the processor if that is known: there it fetches the return. Raises Undecided."""
    state = entry.setting.machine.state
    mode, pc = state.leaves[entry.setting.machine.modes.leaf].term, state.leaves[state.pc].term
    refused: Exception | None = None
    for m, at in memory.starts:
        try:
            stands = eq(mode, constant(mode.width, m)), eq(pc, constant(pc.width, at))
            return _led(entry, found, stands, real, evidence)
        except (Unreachable, Undecided) as no:
            refused = no
    if refused is not None:
        raise Undecided(f"{entry.entered.label}:from an entry", str(refused))
    return _led(entry, found, (), real, evidence)


def _led(
    entry: Entry, found: Sequence[Way], stands: tuple[Term, ...], real: Mapping[str, int], evidence: Evidence
) -> tuple[Mapping[str, Term], list[EntryMap]]:
    """As many of the monitor's own leaves as can be in `real`, and the maps that lead there. Raises Undecided."""
    held: dict[str, Term] = {}
    best: list[EntryMap] | None = None
    todo = [[(n, leaf.holding(real[n])) for n, leaf in sorted(_own(entry).items())]]
    while todo:
        some = todo.pop()
        try:
            best = leading(_exact(entry, {**held, **dict(some)}, stands), found, evidence)
            held |= some
        except (Unreachable, Undecided):
            half = len(some) // 2
            todo += [some[half:], some[:half]] if half else []
    return held, leading(_exact(entry, held, stands), found, evidence) if best is None else best


def _own(entry: Entry) -> Mapping[str, Leaf]:
    """The scalar leaves that are the monitor's while a guest runs, and always the same."""
    leaves, goal = entry.setting.machine.state.leaves, entry.entered
    varies = {n for n, t in goal.wanted.items() if not t.is_constant} | _relocation(entry.setting.machine)
    return {
        n: leaf
        for n, leaf in leaves.items()
        if n not in varies
        and n in goal.passing
        and leaf.control
        and not leaf.volatile
        and not isinstance(leaf, ArrayLeaf)
    }


def _relocation(machine: Machine) -> frozenset[str]:
    """The leaves that the monitor sets for each guest: base and limit, or the root of its tables."""
    return frozenset(n for n, leaf in machine.state.leaves.items() if leaf.role == "relocation")


def _exact(entry: Entry, own: Mapping[str, Term], stands: tuple[Term, ...]) -> Goal:
    """The states in which a guest runs, with these of the monitor's own leaves."""

    def fixed(term: Term, _: tuple[Term, ...]) -> Term | None:
        name = term.free
        return own.get(name.text) if name is not None and (name.space, name.copy) == (STATE, REAL) else None

    goal, memo = entry.entered_as_it_pleases, dict[Term, Term]()
    held = {n: t for n, t in entry.entered.passing.items() if n in goal.passing or n in _relocation(goal.machine)}
    passing = {**dict(zip(held, rewrite(held.values(), fixed, memo), strict=True)), **own}
    wanted = dict(zip(goal.wanted, rewrite(goal.wanted.values(), fixed, memo), strict=True))
    assumed = tuple(rewrite(goal.assumed, fixed, memo))
    before = (*goal.before, *stands)
    return replace(goal, wanted={**wanted, **own}, passing=passing, assumed=assumed, before=before)


def _return(known: Ways, entry: Entry, one: EntryMap, own: Mapping[str, Term], frames: int) -> Return:
    """A map as what is executed. Raises NoCrossing where it reads memory beyond the frames that are the monitor's."""
    leaves = known.machine.state.leaves
    for address in one.words:
        if known.evidence.possible(
            [one.domain, lnot(kept(known.machine, address, frames))], f"{one.instruction}:words"
        ):
            raise NoCrossing(f"{one.instruction} reads memory that is not the monitor's")
    before = tuple(c for n, t in one.before.items() for c in _differing(leaves[n], t, own))
    wanted = entry.entered.wanted
    left = tuple(c for n, t in one.after.items() if n not in {*own, *wanted} for c in _differing(leaves[n], t, own))
    mode = leaves[known.machine.modes.leaf]
    when = land(_plain([one.domain])[0], eq(mode.term, wanted[mode.name]))
    words = tuple(zip(_plain(one.words), _plain(one.words.values()), strict=True))
    return Return(one.instruction, one.operands, when, before, left, words)


def _differing(leaf: Leaf, term: Term, own: Mapping[str, Term]) -> Iterator[Copy]:
    """What of a leaf is otherwise than it is wanted."""
    (term,) = _plain([term])
    if not isinstance(leaf, ArrayLeaf):
        if term is not own.get(leaf.name, leaf.term):
            yield Copy(leaf.name, None, term)
        return
    while term.op == "store":
        array, index, value = term.args
        if not index.is_constant:
            raise Undecided(leaf.name, "which element a return is to find changed is open")
        yield Copy(leaf.name, index.value, value)
        term = array


def _plain(terms: Iterable[Term]) -> list[Term]:
    """Terms over the wanted state as terms over the leaves of one state."""

    def plain(term: Term, _: tuple[Term, ...]) -> Term | None:
        name = term.free
        return renamed(term, name.of("")) if name is not None and name.space == STATE and name.copy else None

    return rewrite(terms, plain)
