"""The monitor can make the hardware map what it wants (docs/definitions.md, Realisable): the real translation's own body, verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import MAPPING
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.copies import has_fields
from pgcheck.checker.questions.entry import valid
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.idl.types import Bitfield, Enum, width_of
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.schemes import Bounds, Entries, External
from pgcheck.isa.terms import (
    TRUE,
    Term,
    conjunction,
    constant,
    disjunction,
    eq,
    extract,
    land,
    lnot,
    lor,
    mk,
    on_leaves,
    operand,
    parameter,
    substitute,
    variable,
    zext,
)
from pgcheck.models.symbolic import Execution, initial, predicate


def realisable(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Deny, map and read-only entries do what the specification says."""
    translation = machine.code.translation
    if translation is None:
        return
    how = translation.realise
    if how is None:
        yield LAW.finding(
            "warning",
            translation.function,
            "`translate.realise` is missing: nothing says that a guest can be confined",
        )
        return
    match how:
        case External():
            yield LAW.finding(
                "assumed", translation.function, "a unit outside the processor confines what the guest reaches"
            )
        case Bounds():
            yield from _bounds(machine, translation, how, evidence)
        case Entries():
            yield from _entries(machine, translation, how, evidence)


class _Walk:
    """One run of the translation's body from a state with some leaves given."""

    def __init__(
        self, machine: Machine, translation: Translation, given: Mapping[str, int], mode: int | None = None
    ) -> None:
        self.machine, self.translation = machine, translation
        self.pre = initial(machine)
        for name, value in given.items():
            self.pre[name] = machine.state.leaves[name].holding(value)
        self.args = {n: parameter(width_of(t), n) for n, t in translation.parameters}
        if mode is not None:
            name = translation.parameters[translation.mode][0]
            self.args[name] = constant(self.args[name].width, mode)
        execution = Execution(machine, dict(self.pre), {}, cuts=False)
        (self.address,) = execution.call(translation.function, tuple(self.args.values()))
        self.fault = disjunction(e.guard for e in execution.exits)
        self.loads = execution.loads
        legal = [predicate(machine, t) for t in machine.legal]
        self.known = conjunction([*on_leaves(legal, self.pre), *valid(translation, self.args)])


def _entries(machine: Machine, translation: Translation, how: Entries, evidence: Evidence) -> Iterator[Finding]:
    """What an entry does in a state with some leaves given; what it refuses and where it leads, whatever a guest puts in general ones."""
    real = machine.modes.user.values[0]
    yield from _mapped(_Walk(machine, translation, how.given, real), how, evidence)
    held = {name: value for name, value in how.given.items() if machine.state.leaves[name].control}
    if held != how.given:
        yield from _mapped(_Walk(machine, translation, held, real), how, evidence, may_fault=True)


def _mapped(walk: _Walk, how: Entries, evidence: Evidence, *, may_fault: bool = False) -> Iterator[Finding]:
    machine, translation, entry = walk.machine, walk.translation, how.entry
    levels = [value for _, value in walk.loads if value.width == entry.width]
    if not levels:
        yield LAW.finding("error", translation.function, f"the walk reads no entry of {entry.width} bits")
        return
    fault, address = walk.fault, walk.address
    leads = conjunction(has_fields(entry, e, how.table) for e in levels[:-1])
    last = levels[-1]
    inside = _over_parameters(machine, translation, how.addresses, walk.args)
    wanted, fits = _framed(how, entry, last, walk.args, address.width)
    access = walk.args[translation.parameters[translation.access][0]]
    write = _access_value(translation, "Write")
    wrong = lnot(eq(address, wanted))
    wrong = land(lnot(fault), wrong) if may_fault else lor(fault, wrong)
    reads = TRUE if write is None else lnot(eq(access, constant(access.width, write)))
    questions: list[tuple[str, str, list[Term]]] = [
        (
            "deny",
            "an entry with `deny` lets an access through",
            [leads, has_fields(entry, last, how.deny), lnot(fault)],
        ),
        (
            "map",
            "an entry with `map` faults or gives another address",
            [inside, leads, fits, has_fields(entry, last, how.map), wrong],
        ),
        ("satisfiable", "", [inside, leads, fits, has_fields(entry, last, how.map), lnot(fault)]),
    ]
    if how.readonly:
        fields = has_fields(entry, last, how.readonly)
        questions += [
            (
                "readonly",
                "an entry with `readonly` faults on a read or gives another address",
                [inside, leads, fits, fields, reads, wrong],
            ),
            ("readonly", "an entry with `readonly` lets a write through", [leads, fields, lnot(reads), lnot(fault)]),
        ]
    for name, message, assertions in questions:
        possible = evidence.possible([walk.known, *assertions], f"realise:{name}")
        if name == "satisfiable" and not possible and not may_fault:
            yield LAW.finding(
                "error", translation.function, "no access at all passes a `map` entry: the obligation is vacuous"
            )
        elif name != "satisfiable" and possible:
            yield LAW.finding("error", translation.function, message)


def _access_value(translation: Translation, word: str) -> int | None:
    type_ = translation.parameters[translation.access][1]
    return type_.members.get(word) if isinstance(type_, Enum) else None


def _over_parameters(machine: Machine, translation: Translation, term: Term, args: Mapping[str, Term]) -> Term:
    mapping = {operand(a.width, n): a for n, a in args.items()}
    return substitute([term], mapping)[0]


def _framed(how: Entries, entry: Bitfield, last: Term, args: Mapping[str, Term], width: int) -> tuple[Term, Term]:
    """The frame's address with the low bits of the access as `width` bits, and whether it is that; a monitor has no frame that it is not of."""
    frame = extract(last, *entry.ranges[how.frame])
    low = extract(args[how.address], how.shift - 1, 0)
    whole = mk("concat", frame.width + how.shift, frame, low)
    if whole.width <= width:
        return zext(whole, width), TRUE
    return extract(whole, width - 1, 0), eq(extract(whole, whole.width - 1, width), constant(whole.width - width, 0))


def _bounds(machine: Machine, translation: Translation, how: Bounds, evidence: Evidence) -> Iterator[Finding]:
    """Moving the base moves every address, all alike, and lets nothing in; what is beyond the limit faults, and a smaller one admits less."""
    real = machine.modes.user.values[0]
    here = _Walk(machine, translation, how.given, real)
    base, limit = here.pre[how.base], here.pre[how.limit]
    other_base, other_limit = variable(base.width, "other base"), variable(limit.width, "other limit")
    address = here.args[how.address]
    other_address = variable(address.width, "other address")

    def at(term: Term, changes: Mapping[Term, Term]) -> Term:
        return substitute([term], changes)[0]

    moved, elsewhere = {base: other_base}, {address: other_address}
    both = {**moved, **elsewhere}
    known = land(here.known, at(here.known, moved))

    def difference(changes: Mapping[Term, Term], from_: Mapping[Term, Term]) -> Term:
        return mk("sub", here.address.width, at(here.address, changes), at(here.address, from_))

    passes = land(lnot(here.fault), lnot(at(here.fault, elsewhere)))
    still = conjunction([lnot(here.fault), lnot(at(here.fault, moved)), lnot(eq(base, other_base))])
    width = max(address.width, limit.width)
    questions = (
        (
            "an address beyond the limit is let in",
            [here.known, lnot(here.fault), mk("ult", 0, zext(limit, width), zext(address, width))],
        ),
        ("two bases give the same address", [known, still, eq(here.address, at(here.address, moved))]),
        (
            "some base lets in what base 0 refuses",
            [known, lnot(here.fault), at(here.fault, {base: constant(base.width, 0)})],
        ),
        (
            "the base does not move all addresses alike",
            [known, passes, lnot(eq(difference(both, elsewhere), difference(moved, {})))],
        ),
        (
            "a larger limit admits less",
            [
                known,
                land(here.known, at(here.known, {limit: other_limit})),
                mk("ule", 0, limit, other_limit),
                lnot(here.fault),
                at(here.fault, {limit: other_limit}),
            ],
        ),
    )
    for message, assertions in questions:
        if evidence.possible(assertions, f"realise:{message}"):
            yield LAW.finding("error", translation.function, message)
    if not evidence.possible([here.known, here.fault], "realise:confines"):
        yield LAW.finding("error", translation.function, "no limit refuses anything")
    if not evidence.possible([here.known, lnot(here.fault)], "realise:admits"):
        yield LAW.finding("error", translation.function, "no limit admits anything")


LAW = MachineLaw(
    id="PG105",
    name="realisable",
    level="error",
    title="The monitor cannot make the hardware map what it wants",
    law="The entries or bounds named under `translate.realise` do what their names say: they refuse every "
    "access, admit every one, or admit reads alone, and lead to the frame. Without them nothing says "
    "that a guest can be confined.",
    formula="forall address, access, mode: faults under deny, and translates to the frame under map",
    reference=f"{PAPER}: the resource control property",
    hypothesis=MAPPING,
    example=Example((("  realise: external_mmu\n", ""),), ()),
    ask=realisable,
)
