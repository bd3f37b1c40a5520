"""Which translation an address comes from, and what translation keeps of the address that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcheck.checker.questions.legality import legal
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.once import once
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    extract,
    land,
    lnot,
    lor,
    mk,
    parameter,
    rewrite,
    substitute,
    variable,
    walk,
)
from pgcheck.isa.terms.names import TRANSLATION
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import ADDRESS, FAULT, Access, Execution, initial, resized

FRAME, OTHER_FRAME = Name(TRANSLATION, "frame"), Name(TRANSLATION, "other frame")


def translations(address: Term) -> tuple[Term, ...]:
    """The translated addresses that an address was made from."""
    return tuple(t for t in walk([address]) if _translated(t))


def asked(translation: Translation, translated: Term) -> Term:
    """The address that was asked for; without a scheme that names it the widest argument but for mode and access."""
    match translation.realise:
        case Entries(address=name) | Bounds(address=name):
            return translated.args[translation.position(name)]
    others = [a for k, a in enumerate(translated.args) if k not in (translation.mode, translation.access)]
    return max(others, key=lambda a: a.width)


def page(address: Term, shift: int) -> Term:
    """The number of the page of 2**`shift` units that an address lies in."""
    return extract(address, address.width - 1, shift) if shift < address.width else constant(1, 0)


@once
def leading(machine: Machine) -> frozenset[str]:
    """The leaves that a monitor sets so that translation leads where it wants; none where a unit outside the processor does that.

    Base and limit, and what else moves addresses between them; the roots of tables; what is given.
    """
    translation = machine.code.translation
    if translation is None:
        return frozenset()
    body = Execution(machine, initial(machine), {}, cuts=False)
    parameters = machine.code.functions[translation.function].parameters
    answer = body.call(translation.function, tuple(parameter(w, n) for n, w in parameters))
    control = {leaf.name for leaf in machine.state.control}
    match translation.realise:
        case Bounds(base=base, limit=limit):
            return frozenset({base, limit, *translation.given, *(free_leaves(answer) & control)})
        case Entries():  # a general leaf that is given says when `map` maps
            roots = free_leaves(address for address, _ in body.loads)
            return roots - {machine.state.memory} | control & translation.given.keys()
    return frozenset()


@once
def refusals(machine: Machine) -> Callable[[Term], Term]:
    """For an address that translation gave: it faults for arguments that its own code refuses in every state (misalignment)."""
    translation = machine.code.translation
    if translation is None:
        return lambda translated: TRUE
    free = {n: parameter(w, n) for n, w in machine.code.functions[translation.function].parameters}
    body = Execution(machine, initial(machine), {}, cuts=False)
    body.call(translation.function, tuple(free.values()))
    always = [
        e.guard
        for e in body.exits
        if all(t in free.values() for t in walk([e.guard]) if t.op in ("var", "array", "uf"))
    ]

    def refused(translated: Term) -> Term:
        found = disjunction(substitute(always, dict(zip(free.values(), translated.args, strict=True))))
        return lor(lnot(found), apply(0, FAULT, *translated.args))

    return refused


@dataclass(frozen=True, slots=True)
class Stray:
    """When an access is made where no translation led; when there, or where at best one of another kind led.

    `loosely` are weaker than `otherwise` together, and small: where none of them is possible, nothing strays.
    """

    elsewhere: Term
    otherwise: Term
    loosely: frozenset[Term]


def strays(machine: Machine, accesses: Sequence[Access], known: Sequence[Term]) -> Stray:
    """Over the state before, where `known` holds: when one of the accesses is not at an address that translation gave for it.

    An access stays in the page that was translated, wherever that lies; with a base and a limit, at a distance that the base does not
    change and within the limit; with a unit outside the processor, in the naturally aligned place of its size. That an access of several
    units ends in its page is another law.
    """
    translation = machine.code.translation
    if translation is None:
        found = disjunction(a.guard for a in accesses)
        return Stray(found, found, frozenset([found]) - {FALSE})
    where = _bounded(machine, translation) if isinstance(translation.realise, Bounds) else _framed(machine, translation)
    elsewhere, otherwise = FALSE, FALSE
    loosely = set[Term]()
    for access in accesses:
        direct = access.units == 1 and _translated(access.address)
        guard, led = (access.guard, [(access.address, TRUE)]) if direct else where(access)
        right = _kinds(translation, access)
        wild = conjunction(lnot(here) for _, here in led)
        wrong = conjunction(lnot(land(here, right(t))) for t, here in led)
        elsewhere, otherwise = lor(elsewhere, land(guard, wild)), lor(otherwise, land(guard, wrong))
        if isinstance(translation.realise, Bounds) or direct:
            loosely.add(wrong)
            continue
        loose = _plainly(access, known)
        guard, led = where(loose)
        loosely.add(land(guard, conjunction(lnot(land(here, right(t))) for t, here in led)))
    return Stray(elsewhere, otherwise, frozenset(loosely) - {FALSE})


def _translated(term: Term) -> bool:
    return term.op == "uf" and term.name == ADDRESS


def _plainly(access: Access, known: Sequence[Term]) -> Access:
    """An access like this one among any others: of its guard and `known` only what decides its address, of arguments only what is constant.

    Addresses that differ by a constant still do. So the same is asked once of all instructions that access memory alike.
    """
    facts = {t: TRUE for t in _conjuncts(conjunction([*known, access.guard]))}
    settled = {**facts, **{t.args[0]: FALSE for t in facts if t.op == "lnot"}}
    address = rewrite([access.address], lambda t, _: None, dict(settled))[0]
    names: dict[Term, Term] = {}

    def general(term: Term) -> Term:
        if term.is_constant:
            return term
        apart = term.op == "add" and term.args[1].is_constant
        of = term.args[0] if apart else term
        some = names.setdefault(of, parameter(of.width, f"argument {len(names)}"))
        return mk("add", term.width, some, term.args[1]) if apart else some

    given = {t: apply(t.width, ADDRESS, *map(general, t.args)) for t in translations(address)}
    passed = [apply(0, FAULT, *new.args) for t, new in given.items() if lnot(apply(0, FAULT, *t.args)) in facts]
    return replace(
        access,
        guard=conjunction(map(lnot, passed)),
        address=rewrite([address], lambda t, _: None, {**loads(address), **given})[0],
    )


def _conjuncts(term: Term) -> Iterator[Term]:
    todo = [term]
    while todo:
        term = todo.pop()
        if term.op == "land":
            todo += term.args
        else:
            yield term


def loads(address: Term) -> dict[Term, Term]:
    """The parts of an address that were loaded: where from is no matter of the address."""
    return {t: t for t in walk([address]) if t.op == "select"}


def _kinds(translation: Translation, access: Access) -> Callable[[Term], Term]:
    """Whether a translation was for the kind of an access: who may read may not write."""
    type_ = translation.parameters[translation.access][1]
    write = type_.members.get("Write") if access.write and isinstance(type_, Enum) else None
    if write is None:
        return lambda translated: TRUE
    value = write

    def right(translated: Term) -> Term:
        given = translated.args[translation.access]
        return eq(given, constant(given.width, value))

    return right


# The guard of an access, and for each translation that its address is made from whether it leads there.
Led = tuple[Term, list[tuple[Term, Term]]]


def _framed(machine: Machine, translation: Translation) -> Callable[[Access], Led]:
    """Translation puts the page of an address anywhere, and keeps the place in it."""
    scheme, refused = translation.realise, refusals(machine)

    def where(access: Access) -> Led:
        shift = scheme.shift if isinstance(scheme, Entries) else (access.units - 1).bit_length()
        given = translations(access.address)

        def mapped(term: Term, args: tuple[Term, ...]) -> Term | None:
            if not _translated(term):
                return None
            low = asked(translation, apply(term.width, ADDRESS, *args))
            if shift >= term.width:
                return resized(low, term.width)
            high = apply(term.width - shift, FRAME, *args)
            return mk("concat", term.width, high, resized(low, shift)) if shift else high

        roots = [conjunction([access.guard, *map(refused, given)]), access.address, *given]
        guard, place, *lands = rewrite(roots, mapped)
        frames = (t for t in walk([place]) if t.op == "uf" and t.name == FRAME)
        elsewhere = _replaced(place, {t: apply(t.width, OTHER_FRAME, *t.args) for t in frames})
        steady = eq(_offset(place, shift), _offset(elsewhere, shift))
        ends = {place}
        if not isinstance(scheme, Entries):  # of pages that is a law of its own
            ends.add(mk("add", place.width, place, constant(place.width, access.units - 1)))
        return (
            guard,
            [
                (translated, conjunction([steady, *(eq(page(end, shift), page(land, shift)) for end in ends)]))
                for translated, land in zip(given, lands, strict=True)
            ],
        )

    return where


def _replaced(address: Term, replacement: Mapping[Term, Term]) -> Term:
    """An address with some of its parts replaced, those that say where a part of it was loaded from left alone."""
    return rewrite([address], lambda t, _: None, {**loads(address), **replacement})[0]


def _offset(address: Term, shift: int) -> Term:
    return extract(address, min(shift, address.width) - 1, 0) if shift else TRUE


def _bounded(machine: Machine, translation: Translation) -> Callable[[Access], Led]:
    """Translation is what its body says: an address at a distance from one that was translated is translated so too, for every base."""
    scheme = translation.realise
    assert isinstance(scheme, Bounds)
    position = translation.position(scheme.address)
    base = machine.state.leaves[scheme.base].term
    other_base = variable(base.width, Name(TRANSLATION, "other base"))
    lawful = legal(machine)

    def body(args: Sequence[Term]) -> tuple[Term, Term]:
        run = Execution(machine, initial(machine), {}, cuts=False)
        (address,) = run.call(translation.function, tuple(args))
        return address, disjunction(e.guard for e in run.exits)

    def meant(term: Term, args: tuple[Term, ...]) -> Term | None:
        if term.op != "uf" or term.name not in (ADDRESS, FAULT):
            return None
        return body(args)[term.name == FAULT]

    def where(access: Access) -> Led:
        given = translations(access.address)
        memo: dict[Term, Term] = {}
        guard, place, *lands = rewrite([access.guard, access.address, *given], meant, memo)
        again = _replaced(conjunction([*lawful, guard]), {base: other_base})
        elsewhere = _replaced(place, {base: other_base})
        led = []
        for translated, there in zip(given, lands, strict=True):
            other = _replaced(there, {base: other_base})
            args = rewrite(translated.args, meant, memo)
            distance = mk("sub", place.width, place, there)
            good = [lor(lnot(again), eq(distance, mk("sub", place.width, elsewhere, other)))]
            for k in sorted({0, access.units - 1}):
                step = mk("add", place.width, distance, constant(place.width, k))
                near = list(args)
                near[position] = mk("add", args[position].width, args[position], _signed(step, args[position].width))
                address, fault = body(near)
                good += [lnot(fault), eq(address, mk("add", place.width, place, constant(place.width, k)))]
            led.append((translated, conjunction(good)))
        return guard, led

    return where


def _signed(term: Term, width: int) -> Term:
    """`term` sign-extended or truncated to `width`."""
    return extract(term, width - 1, 0) if term.width > width else mk("sext", width, term)
