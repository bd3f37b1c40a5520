"""Functions that read or store units of memory one by one, and when that is one access of several.

Of such a function is known a condition on its arguments under which its units lie one behind the other. Found by simplifying the addresses
as terms: where one parameter is another and the distance of the last unit from the first, all others follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, Term, constant, eq, extract, local, mk, rewrite, substitute, walk
from pgcheck.isa.terms.ir import Function, Return, SetLocal, Store
from pgcheck.isa.words import places

COUNTS: Final = (2, 4, 8)
"""Units of which there can be one access: what a processor reads at once."""
UNITS: Final = "units read"
"""The local that holds what was read."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A function that, where `guard` holds, is one access to `count` units from `first` on: `stored` is what it stores, `results` are over what it reads."""

    guard: Term
    first: Term
    count: int
    stored: Term | None
    results: tuple[Term, ...]


def gathered(machine: Machine, function: Function) -> Gathered | None:
    """What a function of a machine is, if it is one access anywhere."""
    run = _run(machine, function)
    if run is None:
        return None
    stores, results = run
    loads = list(dict.fromkeys(t for t in walk(results) if t.op == "load"))
    values = [value for _, value in stores]
    if bool(stores) == bool(loads) or any(t.op == "load" for t in walk(t for pair in stores for t in pair)):
        return None
    unit, addresses = machine.state.memory_unit, [t.args[0] for t in loads] or [address for address, _ in stores]
    count, widths = len(addresses), {t.width for t in loads or values}
    if count not in COUNTS or widths != {unit} or addresses[0].width < machine.state.address_width:
        return None
    found = _behind(function, addresses)
    if found is None:
        return None
    guard, first, order = found
    shift = {order[place]: unit * k for k, place in enumerate(reversed(places(count, machine.state.order)))}
    units = local(unit * count, UNITS)
    parts = {t: extract(units, shift[k] + unit - 1, shift[k]) for k, t in enumerate(loads)}
    stored = None
    if stores:
        stored, *others = (values[order[place]] for place in places(count, machine.state.order))
        for value in others:
            stored = mk("concat", stored.width + unit, stored, value)
    return Gathered(guard, first, count, stored, tuple(substitute(results, parts)))


def _run(machine: Machine, function: Function) -> tuple[list[tuple[Term, Term]], tuple[Term, ...]] | None:
    """What a function stores where, in order, and its results, over its parameters; None where that hangs on anything else."""
    held: dict[Term, Term] = {}
    stores: list[tuple[Term, Term]] = []
    known = {local(width, name) for name, width in function.parameters}

    def whole(*terms: Term) -> list[Term]:
        return [_flat(machine, term) for term in substitute(terms, held)]

    for statement in function.body:
        match statement:
            case SetLocal(name, value):
                held[local(value.width, name)] = whole(value)[0]
            case Store(address, value):
                address, value = whole(address, value)
                stores.append((address, value))
            case Return(values):
                results = tuple(whole(*values))
                break
            case _:
                return None
    else:
        results = ()
    terms = [*results, *(t for pair in stores for t in pair)]
    plain = all(t in known if t.op == "var" else t.op in _PURE for t in walk(terms))
    return (stores, results) if plain else None


_PURE: Final = frozenset(
    "const load extract concat zext sext add sub and or xor not neg ite eq ult ule slt sle land lor lnot".split()
)


def _flat(machine: Machine, term: Term) -> Term:
    """A term with what is called written in place, where that only computes."""

    def inner(node: Term, args: tuple[Term, ...]) -> Term | None:
        function = machine.code.functions.get(node.about) if node.op == "call" else None
        if function is None or any(not isinstance(s, SetLocal | Return) for s in function.body):
            return None
        run = _run(machine, function)
        if run is None or any(t.op == "load" for t in walk(run[1])):
            return None
        given = [local(width, name) for name, width in function.parameters]
        return substitute(run[1], dict(zip(given, args, strict=True)))[0]

    return rewrite([term], inner)[0]


def _behind(function: Function, addresses: Sequence[Term]) -> tuple[Term, Term, list[int]] | None:
    """Where the addresses lie one behind the other, the first one there, and their numbers in that order."""
    count = len(addresses)
    cases: list[tuple[Term, Mapping[Term, Term]]] = [(TRUE, {})]
    for (first, width), (last, other) in permutations(function.parameters, 2):
        if width == other >= count.bit_length():
            given = local(width, first), local(width, last)
            apart = mk("add", width, given[0], constant(width, count - 1))
            cases.append((eq(given[1], apart), {given[1]: apart}))
    for guard, parts in cases:
        found = substitute(addresses, parts)
        for base in (found[0], found[-1]):
            wanted = [mk("add", base.width, base, constant(base.width, k)) for k in range(count)]
            if set(wanted) == set(found):
                return guard, base, [found.index(t) for t in wanted]
    return None
