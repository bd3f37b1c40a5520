"""Isolation: what a directly run step reaches (ISO2), and what a world switch leaves behind (ISO3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgcheck.checker.monitor.guest import FETCH, Monitored, Processor, Row, Surroundings, apart
from pgcheck.checker.monitor.machine import Leaves
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.monitor.values import bits, paths
from pgcheck.checker.questions.copies import differ
from pgcheck.checker.questions.delegation import condition
from pgcheck.checker.questions.hole import related
from pgcheck.checker.questions.translated import asked, page, refusals, translations
from pgcheck.isa.machine.machine import Machine, ModeClass, Translation
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
    extract,
    land,
    lnot,
    mk,
    parameter,
    rewrite,
    substitute,
)
from pgcheck.isa.terms.facts import settled
from pgcheck.isa.terms.ir import Block, Store
from pgcheck.isa.terms.names import HELD, HELD_OTHERWISE
from pgcheck.models.symbolic import ADDRESS, FAULT, Execution, Exit, delivered, initial, performed
from pgcheck.vmm.vmm import page_shift
from pgcheck.vmm.world import World

ISO2, ISO3 = "ISO2", "ISO3"


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """A unit of physical memory that a step reads or writes, and when."""

    guard: Term
    address: Term


def uses(row: Row) -> list[MemoryUse]:
    """What the row's own code reads and writes, over leaves and operands; deliveries that are part of the step included."""
    machine = row.machine
    if row.fetched is None:
        found = Execution(machine, initial(machine), {})
        if row.part == FETCH:
            found.call(machine.code.fetch, (found.frame.state[machine.state.pc],))
        return _units(found)
    instruction = row.fetched.instruction
    operands = {n: bits(v, instruction.operands[n].width) for n, v in row.fetched.operands.items()}
    found = performed(machine, instruction.body, operands, instruction.length, instruction.encoding_term)
    return [*_units(found), *(use for e in found.exits for use in _delivered(row, e))]


def _units(done: Execution) -> list[MemoryUse]:
    return [
        MemoryUse(a.guard, mk("add", a.address.width, a.address, constant(a.address.width, k)))
        for a in done.accesses
        for k in range(a.units)
    ]


def _delivered(row: Row, exit_: Exit) -> list[MemoryUse]:
    goes_on = land(exit_.guard, condition(row.machine, row.setting.continued, exit_.function, exit_.args))
    if goes_on is FALSE:
        return []
    run = delivered(row.machine, exit_.function, exit_.args, exit_.state, link=1)
    return [MemoryUse(land(goes_on, use.guard), use.address) for use in _units(run)]


@dataclass(frozen=True, slots=True)
class Reach:
    """ISO2 of a row in a mode: under `hypotheses` none of `escapes` is possible; `before` is the processor's state.

    None is possible either where each of `widely` by itself is impossible; without these, that says nothing.
    """

    hypotheses: tuple[Term, ...]
    escapes: Term
    before: Leaves
    widely: frozenset[Term] | None = None


def reach(promise: Promise, row: Row, mode_class: ModeClass, mode: int) -> Reach:
    """Every unit that the step uses lies in a page that the processor's translation gave it in this very step."""
    setting, machine = promise.setting, promise.machine
    states = related(setting, mode_class, mode, promise.configuration)
    guest = Monitored(row, promise.policy, promise.division, promise.sets, states.virtual, setting.mode(mode))
    before = _resumed(guest)
    hypotheses = (states.of_virtual, row.subject.canonical)
    if before is None:
        return Reach(hypotheses, FALSE, {})
    host = Processor(row, setting.mode(mode), Surroundings({}), promise.policy)
    answer = host.oracle()

    def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
        if term.op == "uf":
            return answer(term, args)
        leaf = term.leaf
        return None if leaf is None else before.get(leaf)

    found = uses(row)
    memo: dict[Term, Term] = {}
    guards = rewrite([a.guard for a in found], replace, memo)
    places = rewrite([a.address for a in found], replace, memo)
    shift = page_shift(machine)
    given = dict.fromkeys(t for place in places for t in translations(place))
    refused = refusals(machine)
    laws = [law for t in given for law in (_same_offset(machine.code.translation, t, shift), refused(t))]
    escapes = [
        land(guard, conjunction(lnot(eq(page(place, shift), page(t, shift))) for t in translations(place)))
        for guard, place in zip(guards, places, strict=True)
    ]
    if row.part == FETCH:
        return Reach((*hypotheses, *laws, _aligned(machine, before)), disjunction(escapes), before)
    widely = frozenset(_widely(machine, guard, place) for guard, place in zip(guards, places, strict=True))
    return Reach((*hypotheses, *laws), disjunction(escapes), before, widely - {FALSE})


def _widely(machine: Machine, guard: Term, place: Term) -> Term:
    """That a use escapes, for all that its guard says but what decides its address, its alignment, and that a translation did not fault.

    So the same is asked once of all rows that use memory alike, in all modes.
    """
    translation, facts = machine.code.translation, settled([guard])
    if facts is None:
        return FALSE
    asked_for = translations(place)
    place, *became = substitute([place, *asked_for], facts)
    passed = {new for old, new in zip(asked_for, became, strict=True) if facts.get(_fault(old)) is FALSE}
    names: dict[Term, Term] = {}

    def general(number: int, term: Term) -> Term:
        if term.is_constant and (translation is None or number != translation.mode):
            return term
        return names.setdefault(term, parameter(term.width, f"argument {len(names)}"))

    given = {t: apply(t.width, ADDRESS, *(general(k, a) for k, a in enumerate(t.args))) for t in translations(place)}
    (anywhere,) = substitute([place], given)
    shift, refused = page_shift(machine), refusals(machine)
    low = {a: [extract(a, n, 0) for n in range(min(shift, a.width - 1))] for a in names if a.width > 1}
    return conjunction(
        [
            *(eq(extract(names[a], part.width - 1, 0), facts[part]) for a in low for part in low[a] if part in facts),
            *(lnot(_fault(new)) for old, new in given.items() if old in passed),
            *(law for t in given.values() for law in (_same_offset(translation, t, shift), refused(t))),
            *(lnot(eq(page(anywhere, shift), page(t, shift))) for t in given.values()),
        ]
    )


def _fault(translated: Term) -> Term:
    return apply(0, FAULT, *translated.args)


def _aligned(machine: Machine, before: Leaves) -> Term:
    """PC is a multiple of the unit that is fetched: what every specification's jumps see to, assumed here and not proved."""
    low = (machine.decoding.decode.unit // machine.decoding.decode.pc_unit).bit_length() - 1
    pc = before[machine.state.pc]
    return eq(extract(pc, low - 1, 0), constant(low, 0)) if low else TRUE


def _resumed(guest: Monitored) -> Leaves | None:
    """The processor's state in which the monitor runs the guest; None where it never does."""
    for path in paths(lambda: guest.step(frozenset())):
        if path.outcome.runs:
            return path.outcome.runs[0].before
    return None


def _same_offset(translation: Translation | None, translated: Term, shift: int) -> Term:
    """Translation keeps the offset in a page: the low bits of the address that was asked for."""
    if translation is None or isinstance(translation.realise, Bounds):
        return TRUE
    wanted = asked(translation, translated)
    low = min(shift, wanted.width, translated.width)
    return eq(extract(wanted, low - 1, 0), extract(translated, low - 1, 0))


def stray(machine: Machine) -> Block:
    """The body of a made-up instruction that stores where no translation led."""
    width = machine.state.address_width
    return (Store(constant(width, 0), constant(machine.state.memory_unit, 0)),)


# ---- the world switch


@dataclass(frozen=True, slots=True)
class Residue:
    """ISO3 in a mode: under `hypotheses`, the condition on which each leaf tells what the processor held before."""

    guest: Monitored
    hypotheses: tuple[Term, ...]
    tells: Mapping[str, Term]


def residue(promise: Promise, row: Row, mode_class: ModeClass, mode: int, division: World | None = None) -> Residue:
    """Whether the processor's state at the entry of a guest tells what it held when the guest before stopped.

    Whatever the processor held before is varied; the guest's own state, and what its memory management sets, are not.
    """
    setting, machine = promise.setting, promise.machine
    states = related(setting, mode_class, mode, promise.configuration)
    guest = Monitored(
        row, promise.policy, division or promise.division, promise.sets, states.virtual, setting.mode(mode)
    )
    other = {leaf.copied(HELD): leaf.copied(HELD_OTHERWISE) for leaf in machine.state.leaves.values()}
    found: dict[str, list[Term]] = {}
    for path in paths(lambda: guest.step(frozenset())):
        for run in path.outcome.runs:
            for name, shows in _tells(machine, run.before, other):
                found.setdefault(name, []).append(land(conjunction(path.conditions), shows))
    return Residue(guest, (states.of_virtual,), {n: disjunction(some) for n, some in found.items()})


def _tells(machine: Machine, before: Leaves, other: Mapping[Term, Term]) -> Iterator[tuple[str, Term]]:
    memo: dict[Term, Term] = {}
    for name, leaf in machine.state.leaves.items():
        if name in apart(machine):
            continue
        again = substitute([before[name]], other, memo)[0]
        shows = differ(leaf, before[name], again)
        if shows is not FALSE:
            yield name, shows
